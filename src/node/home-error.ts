/** Why a home cannot be used; `detail` completes what the code says, for operators. */
export type HomeFault =
  | { readonly code: "HOME_MISSING"; readonly path: string }
  | { readonly code: "CONFIG_BAD"; readonly path: string; readonly problems: readonly string[] }
  | { readonly code: "GENESIS_BAD"; readonly path: string; readonly detail: string }
  | { readonly code: "HOME_MISFIT"; readonly path: string; readonly detail: string }
  | { readonly code: "FILE_MISSING"; readonly path: string; readonly what: string }
  | { readonly code: "FILE_UNREADABLE"; readonly path: string; readonly what: string; readonly detail: string }
  | { readonly code: "FILE_EXPOSED"; readonly path: string; readonly what: string }
  | { readonly code: "FILE_EXISTS"; readonly path: string; readonly what: string }
  | { readonly code: "FILE_UNWRITABLE"; readonly path: string; readonly what: string; readonly detail: string }
  | { readonly code: "KEY_BAD"; readonly path: string; readonly detail: string }
  | { readonly code: "KEY_ENCRYPTED"; readonly path: string }
  | { readonly code: "KEY_PASSPHRASE_WRONG"; readonly path: string }
  | { readonly code: "KEY_MISMATCH"; readonly path: string; readonly detail: string }
  | { readonly code: "PEERS_BAD"; readonly path: string; readonly problems: readonly string[] }
  | { readonly code: "TOKENS_BAD"; readonly path: string; readonly detail: string }
  | { readonly code: "BACKUP_BAD"; readonly path: string; readonly detail: string };

/**
 * A home's files do not allow the node, or a command, to go on. Match on `fault.code`, which is stable;
 * the message is one sentence that says what is wrong with which file and what to do.
 */
export class HomeError extends Error {
  override readonly name = "HomeError";
  readonly fault: HomeFault;

  constructor(fault: HomeFault, options?: ErrorOptions) {
    super(sentence(fault), options);
    this.fault = fault;
  }
}

function sentence(fault: HomeFault): string {
  switch (fault.code) {
    case "HOME_MISSING":
      return `${fault.path} is not a node's home: it has no config.yaml`;
    case "CONFIG_BAD":
      return `${fault.path}: ${fault.problems.join("; ")}`;
    case "GENESIS_BAD":
      return `${fault.path} is not a valid genesis file: ${fault.detail}`;
    case "HOME_MISFIT":
      return `the home ${fault.path} does not fit: ${fault.detail}`;
    case "FILE_MISSING":
      return `${fault.path}, ${fault.what}, is missing`;
    case "FILE_UNREADABLE":
      return `${fault.path}, ${fault.what}, cannot be read: ${fault.detail}`;
    case "FILE_EXPOSED":
      return `${fault.path}, ${fault.what}, can be read by others than its owner: run chmod 600 on it`;
    case "FILE_EXISTS":
      return `${fault.path}, ${fault.what}, is there already and is never overwritten`;
    case "FILE_UNWRITABLE":
      return `${fault.path}, ${fault.what}, cannot be written: ${fault.detail}`;
    case "KEY_BAD":
      return `${fault.path} is not a whole key file: ${fault.detail}; restore it from its backup`;
    case "KEY_ENCRYPTED":
      return `${fault.path} is encrypted: name its passphrase file (keys.passphraseFile or --passphrase-file)`;
    case "KEY_PASSPHRASE_WRONG":
      return `${fault.path} does not open: the passphrase is wrong or the file is damaged`;
    case "KEY_MISMATCH":
      return `${fault.path} is the wrong key: ${fault.detail}`;
    case "PEERS_BAD":
      return `${fault.path} is no list of validators' addresses: ${fault.problems.join("; ")}`;
    case "TOKENS_BAD":
      return `${fault.path} is not a list of tokens: ${fault.detail}`;
    case "BACKUP_BAD":
      return `${fault.path} is not a backup for this home: ${fault.detail}`;
  }
}
