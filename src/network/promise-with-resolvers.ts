/**
 * libp2p 3 calls `Promise.withResolvers`, which Node 20 lacks: without it every dial dies with ECONNRESET.
 * This must be evaluated before any libp2p code runs, so it is the first import of this folder's index.
 */
if (typeof Promise.withResolvers !== "function") {
  Promise.withResolvers = function withResolvers<T>(): PromiseWithResolvers<T> {
    let resolve!: PromiseWithResolvers<T>["resolve"];
    let reject!: PromiseWithResolvers<T>["reject"];
    const promise = new Promise<T>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    return { promise, resolve, reject };
  };
}
