import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { newTransferId } from "../client/index.js";
import type { KeyScope } from "../genesis/index.js";
import { createKey, type Home, keyPath, readKey, type StoredKey } from "../node/index.js";
import { toHex } from "../primitives/index.js";
import { wholeNumber } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import {
  type GovernanceTarget,
  onGovernance,
  participantIn,
  passphraseFor,
  requireResult,
  WAIT_MS,
} from "./governance-target.js";
import { type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

/** `sabha key …`: a participant's own operation keys. */
export function addKeyCommands(program: Command, terminal: Terminal): void {
  const key = program.command("key").description("operation keys on the ledger: rotate, revoke, list");
  addRotate(key, terminal);
  addRevoke(key, terminal);
  addList(key, terminal);
}

/** Blocks in which both keys count: time to restart the node with the new one. */
const OVERLAP_BLOCKS = 1_000;
const ALL_SCOPES: readonly KeyScope[] = ["submit", "approve", "govern"];
const FINAL = { waitFor: "final", timeoutMs: WAIT_MS } as const;

interface RotateFlags extends TargetFlags {
  readonly overlapBlocks: number;
}

function addRotate(key: Command, terminal: Terminal): void {
  withTarget(
    key.command("rotate").description("make a new operation key, add it, and let the old one end after an overlap"),
  )
    .option(
      "--overlap-blocks <count>",
      "blocks in which both keys count",
      wholeNumber(0, 1_000_000_000),
      OVERLAP_BLOCKS,
    )
    .addHelpText(
      "after",
      `
The change is signed here with the home's present key: with --rpc it goes through any node, also while the
bank's own is down. A node uses the new key after its next start. Broken off, the same command goes on.

Example:
  sabha key rotate --home demo/SBI --rpc http://127.0.0.1:26603`,
    )
    .action((flags: RotateFlags) => onGovernance(flags, (target) => rotate(target, flags, terminal)));
}

async function rotate(target: GovernanceTarget, flags: RotateFlags, terminal: Terminal): Promise<void> {
  const { governor, participant, key: old } = target;
  const home = homeOf(target);
  if (old === undefined) throw new CommandFailure(2, "rotating signs with the home's own key: leave out --token-file");
  const next = nextKey(home, passphraseFor(home, flags));
  const id = (): ReturnType<typeof newTransferId> => newTransferId(participant);
  const publicKey = toHex(next.publicKey);
  const isKnown = target.participants[participant - 1]?.keys.some((known) => known.publicKey === publicKey) === true;
  if (!isKnown) {
    const added = await governor.changeKey({ id: id(), change: "add", publicKey, scopes: ALL_SCOPES }, FINAL);
    requireResult(added, ["applied", "key_exists"], "the new key");
  }
  const { height } = await governor.rules();
  // With the new key known, the old one can only have ended by an earlier attempt.
  const done = ["applied", "key_not_found", ...(isKnown ? ["key_not_registered"] : [])];
  const ends = flags.overlapBlocks === 0 ? 0 : height + flags.overlapBlocks;
  const revocation = {
    id: id(),
    change: "revoke",
    publicKey: toHex(old.publicKey),
    scopes: [],
    effectiveHeight: ends,
  } as const;
  requireResult(await governor.changeKey(revocation, FINAL), done, "the end of the old key");
  const kept = join(home.path, "keys", `operation-${toHex(old.publicKey).slice(0, 8)}.key`);
  renameSync(keyPath(home.path, "operation"), kept);
  renameSync(nextKeyPath(home), keyPath(home.path, "operation"));
  if (flags.json === true) {
    printJson(terminal, { publicKey, revoked: toHex(old.publicKey), revokedFrom: ends, oldKeyFile: kept });
    return;
  }
  printFields(terminal, [
    ["new key", publicKey],
    ["old key", `${toHex(old.publicKey)}, ${ends === 0 ? "revoked" : `counts until height ${count(ends)}`}`],
    ["old file", kept],
  ]);
  if (home.validator !== undefined)
    terminal.out(`\nRestart the node before then, so that it signs with the new key.\n`);
}

function homeOf({ home }: GovernanceTarget): Home {
  if (home === undefined) throw new CommandFailure(2, "say whose key: --home DIR");
  return home;
}

const nextKeyPath = (home: Home): string => join(home.path, "keys", "operation-next.key");

/** The key that an earlier attempt has made, or a new one: on the disk before the ledger hears of it. */
function nextKey(home: Home, passphrase: string | undefined): StoredKey {
  const path = nextKeyPath(home);
  if (existsSync(path)) return readKey(home.path, "operation", passphrase, path);
  const { name: participant } = home.participant;
  return createKey(home.path, { purpose: "operation", participant, algorithm: "ed25519" }, passphrase, path);
}

interface RevokeFlags extends TargetFlags {
  readonly at?: number;
}

function addRevoke(key: Command, terminal: Terminal): void {
  withTarget(key.command("revoke").description("end one of the participant's own keys, at once"))
    .argument("<key>", "the public key, 64 hexadecimal digits")
    .option("--at <height>", "first block in which it counts no longer", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .addHelpText("after", "\nA revoked key never comes back. Example:\n  sabha key revoke 3f… --home demo/SBI")
    .action((publicKey: string, flags: RevokeFlags) =>
      onGovernance(flags, async ({ governor, participant }) => {
        if (!/^[0-9a-f]{64}$/u.test(publicKey)) throw new CommandFailure(2, `${publicKey} is no public key`);
        const change = {
          id: newTransferId(participant),
          change: "revoke",
          publicKey,
          scopes: [],
          effectiveHeight: flags.at ?? 0,
        } as const;
        const answer = await governor.changeKey(change, FINAL);
        if (flags.json === true) printJson(terminal, answer);
        else
          printFields(terminal, [
            ["revoked", publicKey],
            ["result", answer.result ?? answer.status],
          ]);
        requireResult(answer, ["applied"], "the revocation");
      }),
    );
}

function addList(key: Command, terminal: Terminal): void {
  withTarget(key.command("list").description("operation keys with their scopes and when they count"))
    .option("--participant <name>", "only this participant's")
    .action((flags: TargetFlags & { readonly participant?: string }) =>
      onGovernance(flags, async (target) => {
        const chosen =
          flags.participant === undefined ? target.participants : [participantIn(target, flags.participant)];
        if (flags.json === true) {
          printJson(terminal, chosen);
          return;
        }
        printTable(
          terminal,
          [
            { title: "participant" },
            { title: "role" },
            { title: "key" },
            { title: "scopes" },
            { title: "from", align: "right" },
            { title: "until", align: "right" },
          ],
          chosen.flatMap(({ name, role, isValidator, keys }) =>
            keys.map(({ publicKey, scopes, activeFrom, revokedFrom }) => [
              ...[name, isValidator ? `${role}, validator` : role, publicKey, scopes.join(" ")],
              ...[count(activeFrom), revokedFrom === undefined ? "" : count(revokedFrom)],
            ]),
          ),
        );
      }),
    );
}
