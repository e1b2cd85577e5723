import { isIP } from "node:net";

/**
 * Keeps web pages away from a node. A page can make its visitor's browser talk to loopback; with DNS rebinding
 * even under the page's own name. So a request names an IP address, `localhost` or a configured host, and one
 * that comes from a page (it has an `Origin`) comes from a configured page or from the node's own.
 */
export interface BrowserGuard {
  /** Host names besides IP addresses and `localhost`, lower case, without port. */
  readonly allowedHosts: readonly string[];
  /** Origins such as https://console.bank.example. */
  readonly allowedOrigins: readonly string[];
}

/** Why a request must not be served; the sentences hold nothing that the client sent. */
export function browserFault(
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
  guard: BrowserGuard,
): string | undefined {
  const host = headers.host?.toLowerCase();
  const name = host === undefined ? undefined : hostName(host);
  if (name === undefined) return "the Host header is not a host";
  if (isIP(name) === 0 && name !== "localhost" && !guard.allowedHosts.includes(name)) {
    return "the Host header names a host that this node is not configured for";
  }
  const origin = headers.origin?.toLowerCase();
  if (origin === undefined || guard.allowedOrigins.includes(origin)) return undefined;
  if (origin === `http://${host}` || origin === `https://${host}`) return undefined;
  return "the Origin header names a page that this node is not configured for";
}

/** The host without its port and an IPv6 address without its brackets; undefined for anything else. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::[0-9]{1,5})?$/.exec(host);
  return match?.[1] ?? match?.[2];
}
