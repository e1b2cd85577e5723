import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Links } from "../../../tools/faultnet/links.js";

/** Says back what it hears. */
let server: Server;
let links: Links;
let port: number;

beforeEach(async () => {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  links = new Links({ base: () => ({ latencyMs: 0, jitterMs: 0 }), isApart: (_from, to) => to === "stranger" });
  const real = typeof address === "object" && address !== null ? address.port : 0;
  port = await links.open({ name: "SBI", port: 0 }, { name: "HDFC", port: real });
});

afterEach(async () => {
  await links.close();
  server.close();
});

async function dial(): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [heard] = (await once(socket, "data")) as [Buffer];
  return heard.toString("utf8");
}

describe("a link of the fault network", () => {
  test("a healthy one carries bytes both ways", async () => {
    const socket = await dial();
    expect(await echo(socket, "namaste")).toBe("namaste");
    socket.destroy();
  });

  test("bytes of a stalled way wait, and arrive in order when it is healed", async () => {
    const socket = await dial();
    expect(await echo(socket, "one")).toBe("one");
    links.stall("HDFC", "SBI");
    socket.write("two");
    socket.write("three");
    let heard = "";
    socket.on("data", (bytes: Buffer) => {
      heard += bytes.toString("utf8");
    });
    links.heal("HDFC", "SBI");
    while (heard !== "twothree") await once(socket, "data");
    socket.destroy();
  });

  test("a refused one breaks what is there and lets nothing new through until it is healed", async () => {
    const socket = await dial();
    expect(await echo(socket, "one")).toBe("one");
    const broken = once(socket, "error");
    links.refuse("HDFC", "SBI");
    expect(((await broken)[0] as NodeJS.ErrnoException).code).toBe("ECONNRESET");
    const refused = connect(port, "127.0.0.1");
    refused.on("error", () => undefined);
    await new Promise((resolve) => refused.once("close", resolve));
    links.heal("HDFC", "SBI");
    const again = await dial();
    expect(await echo(again, "two")).toBe("two");
    again.destroy();
  });

  test("latency delays every byte by at least so much, in order", async () => {
    links.slow("SBI", "HDFC", { latencyMs: 40, jitterMs: 20 });
    const socket = await dial();
    const started = performance.now();
    expect(await echo(socket, "slow")).toBe("slow");
    expect(performance.now() - started).toBeGreaterThanOrEqual(39);
    socket.destroy();
  });
});
