/**
 * Who may know whom. The folder table, the owners of outside packages and the doors between folders
 * are enforced by `npm run check` and, with fixtures that break each rule, by test/house.
 */

/** The folders of src, each with all that it may import from the others. */
const LOWER = ["primitives", "crypto", "formats"];
const CORES = ["consensus", "ledger", "mempool"];
const BELOW_REPLICA = [...LOWER, ...CORES, "sync"];
const BELOW_PLANT = [...BELOW_REPLICA, "replica"];
const PLANT = ["storage", "network", "rpc", "genesis"];
const FOLDERS = {
  primitives: [],
  crypto: ["primitives"],
  formats: ["primitives", "crypto"],
  consensus: LOWER,
  ledger: LOWER,
  mempool: LOWER,
  sync: [...LOWER, "consensus", "ledger"],
  replica: BELOW_REPLICA,
  storage: BELOW_PLANT,
  network: BELOW_PLANT,
  rpc: BELOW_PLANT,
  genesis: BELOW_PLANT,
  node: [...BELOW_PLANT, ...PLANT, "client"],
  client: ["primitives", "formats", "crypto/portable.ts"],
  cli: ["node", "client", "genesis", "primitives"],
  simulator: BELOW_PLANT,
};

/** Outside packages that only some folders may import. */
const PACKAGE_OWNERS = [
  { name: "store", packages: "classic-level", owners: "src/storage/" },
  {
    name: "network",
    packages: "libp2p|@libp2p/[^/]+|@multiformats/[^/]+|multiformats|@chainsafe/libp2p-[^/]+",
    owners: "src/network/",
  },
  {
    name: "curve-and-hash",
    packages: "@noble/[^/]+|@chainsafe/(?:blst|hashtree)|sodium-native",
    owners: "src/crypto/",
  },
  { name: "command-line", packages: "commander|@clack/[^/]+", owners: "(?:src/cli|tools)/" },
];

/** Folders without clock, disk or network: they import no module of Node and no package. */
const PURE = "primitives|formats|consensus|ledger|mempool|sync";

const anchored = (path) => `^src/${path.replaceAll(".", "\\.")}${path.endsWith(".ts") ? "$" : "/"}`;

const folderRules = Object.entries(FOLDERS).map(([folder, allowed]) => ({
  name: `folders-${folder}`,
  comment: `${folder} may import ${allowed.length === 0 ? "no other folder" : allowed.join(", ")}`,
  severity: "error",
  from: { path: `^src/${folder}/` },
  to: { path: "^(src|tools|test)/", pathNot: [`^src/${folder}/`, ...allowed.map(anchored)] },
}));

const packageRules = PACKAGE_OWNERS.map(({ name, packages, owners }) => ({
  name: `packages-${name}`,
  comment: `only ${owners} may import ${packages}`,
  severity: "error",
  from: { path: "^(src|tools)/", pathNot: `^${owners}` },
  to: { path: `(?:^|/)node_modules/(?:${packages})(?:/|$)|^(?:${packages})(?:/|$)` },
}));

module.exports = {
  forbidden: [
    ...folderRules,
    ...packageRules,
    {
      name: "folders-known",
      comment: "a file of src lies in a folder of the table",
      severity: "error",
      from: { path: "^src/", pathNot: `^src/(?:${Object.keys(FOLDERS).join("|")})/` },
      to: {},
    },
    {
      name: "formats-know-the-interface-of-crypto",
      comment: "formats run in a browser: of crypto they take types only",
      severity: "error",
      from: { path: "^src/formats/" },
      to: { path: "^src/crypto/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "doors",
      comment: "across folders only through index.ts; the portable halves of crypto and client have doors of their own",
      severity: "error",
      from: { path: "^(src|tools)/([^/]+)" },
      to: {
        path: "^src/[^/]+/",
        pathNot: ["^src/$2/", "^src/[^/]+/index\\.ts$", "^src/crypto/portable\\.ts$", "^src/client/proofs\\.ts$"],
      },
    },
    {
      name: "no-circles",
      severity: "error",
      from: { path: "^(src|tools)/" },
      to: { circular: true },
    },
    {
      name: "pure-without-node",
      comment: "a pure folder imports no module of Node and no package",
      severity: "error",
      from: { path: `^src/(?:${PURE})/` },
      to: { dependencyTypes: ["core", "npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "crypto-without-world",
      comment: "crypto computes: of Node it takes node:crypto and the loader of native code",
      severity: "error",
      from: { path: "^src/crypto/" },
      to: { dependencyTypes: ["core"], pathNot: "^(?:node:)?(?:crypto|module)$" },
    },
    {
      name: "browser-without-node",
      comment: "the portable halves run in a browser",
      severity: "error",
      from: { path: "^src/(?:crypto/portable|client/proofs)\\.ts$" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "replica-through-ports",
      comment: "the replica reaches the world through its ports, so that the simulator runs the same code",
      severity: "error",
      from: { path: "^src/replica/" },
      to: { dependencyTypes: ["core", "npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "no-development-package-in-src",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "resolvable",
      severity: "error",
      from: { path: "^(src|tools)/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|coverage)/" },
    tsPreCompilationDeps: "specify",
    tsConfig: { fileName: "tsconfig.json" },
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
