/**
 * Who may import whom: the table of ARCHITECTURE.md as data, one row a folder.
 * Must never hold a row for a folder that ARCHITECTURE.md does not name.
 * @module
 */

/** What the files of one folder may import besides their own folder. */
export interface Layer {
  /** Our folders, by layer name; a name that ends in `/*` stands for all folders of that package. */
  readonly ours: readonly string[];
  /** Our folders of which only types may be imported. Default none. */
  readonly types?: readonly string[];
  /** Outside libraries and Node modules, exact names; `node:*` stands for all Node modules. */
  readonly outside: readonly string[];
  /** Outside libraries of which only types may be imported. Default none. */
  readonly outsideTypes?: readonly string[];
}

/** An exception for the files that match; it adds to their folder's row. */
export interface Exception {
  readonly files: RegExp;
  readonly ours: readonly string[];
  readonly outside: readonly string[];
}

const decision: Layer = {
  ours: ['protocol', 'crypto', 'core/store', 'core/audit'],
  types: ['core/proof', 'core/policy'],
  outside: [],
};

/** Files that face a network are the business of one folder each; the rest of Node is not. */
const quietNode = [
  'buffer',
  'crypto',
  'events',
  'fs',
  'fs/promises',
  'os',
  'path',
  'stream',
  'timers',
  'timers/promises',
  'url',
  'util',
].map((name) => `node:${name}`);

/** Layer name → what it may import. A package without folders is one layer; files beside the folders are the layer named after the package. */
export const importTable: Readonly<Record<string, Layer>> = {
  protocol: { ours: [], outside: [] },
  crypto: {
    ours: ['protocol'],
    outside: ['node:buffer', 'node:crypto', 'node:util', 'jose', 'shamir-secret-sharing'],
  },

  core: { ours: ['protocol', 'crypto', 'core/*'], outside: [] },
  'core/store': { ours: ['protocol', 'crypto'], outside: [] },
  'core/audit': { ours: ['protocol', 'crypto'], types: ['core/store'], outside: [] },
  'core/proof': { ours: ['protocol', 'crypto', 'core/store'], types: ['core/audit'], outside: [] },
  'core/policy': { ours: ['protocol'], types: ['core/proof'], outside: [] },
  // Evidence for a registration may be an admin's signed operation, which proof verifies.
  'core/identities': { ...decision, ours: [...decision.ours, 'core/proof'] },
  'core/envelopes': { ours: ['protocol', 'crypto'], types: ['core/policy', 'core/store'], outside: [] },
  'core/wraps': { ...decision, ours: [...decision.ours, 'core/envelopes'] },
  'core/secrets': { ...decision, ours: [...decision.ours, 'core/envelopes'] },
  'core/seal': decision,
  'core/ca': { ...decision, outside: ['@peculiar/x509', 'reflect-metadata'] },
  'core/workloads': {
    ...decision,
    ours: [...decision.ours, 'core/proof', 'core/injection', 'core/ca', 'core/envelopes'],
    types: ['core/policy', 'core/seal'],
  },
  'core/injection': { ours: ['protocol'], outside: [] },
  'core/binding': { ours: ['protocol'], outside: [] },

  server: {
    ours: ['protocol', 'crypto', 'core', 'server/*'],
    outside: ['node:*', 'pino', 'prom-client', 'yaml', 'zod'],
  },
  'server/http': {
    ours: ['protocol', 'crypto', 'core'],
    outside: [...quietNode, 'node:http', 'node:https', 'node:net', 'node:tls', 'express'],
    outsideTypes: ['pino'],
  },
  'server/grpc': {
    ours: ['protocol', 'core'],
    outside: [...quietNode, 'node:net', 'node:tls', '@grpc/grpc-js'],
    outsideTypes: ['pino'],
  },
  'server/kube': {
    ours: ['protocol', 'core'],
    outside: [...quietNode, '@kubernetes/client-node'],
    outsideTypes: ['pino'],
  },
  'server/audit': { ours: ['protocol', 'core'], outside: quietNode },
  'server/etcd': { ours: ['protocol', 'core'], outside: [...quietNode, 'etcd3', 'cockatiel'], outsideTypes: ['pino'] },

  client: { ours: ['protocol', 'crypto'], outside: ['node:*'] },
  agent: { ours: ['protocol', 'crypto', 'client'], outside: ['node:*', '@grpc/grpc-js'] },
  cli: { ours: ['protocol', 'crypto', 'client'], outside: ['node:*', 'commander', 'yaml'] },
};

/** Packages whose folders are layers of their own; in the others a folder is only a folder. */
export const layeredPackages: ReadonlySet<string> = new Set(['core', 'server']);

export const exceptions: readonly Exception[] = [
  { files: /^packages\/cli\/src\/(?:[^/]+\/)?server\.ts$/, ours: ['server'], outside: [] },
  { files: /^packages\/client\/src\/testing\.ts$/, ours: ['server'], outside: [] },
  { files: /^packages\/cli\/src\/pkcs12[^/]*\.ts$/, ours: [], outside: ['node-forge'] },
];

/** Files that may import by a name they make up: they find the tests of a folder. */
export const importsByName = /^e2e\/run\/find-stories\.ts$/;

/** Folders whose files decide: the clock and the environment reach them as arguments. */
export const pureFolders = /^packages\/(?:core|protocol)\/src\//;

/** What reads the clock or the environment and escapes the lint rules. */
export const impureTexts: readonly { readonly text: RegExp; readonly named: string }[] = [
  { text: /\bDate\s*\(|\bnew\s+Date\b/g, named: 'new Date()' },
  { text: /\bglobalThis\s*(?:\?\.|\.|\[)/g, named: 'globalThis' },
  { text: /\bperformance\s*\.\s*now\b/g, named: 'performance.now()' },
];
