/**
 * Mutants of what the controller shows, keeps and purges: recipients, waiting reasons, retention, keys that end with their pods.
 * Must never hold a change that only breaks the syntax: such a row proves nothing.
 * @module
 */
import type { Mutant } from './mutants.ts';

const core = 'packages/core/src/';
const kube = 'packages/server/src/kube/';
const recipients = [`${core}binding/decide-recipient.test.ts`];
const bindings = [`${core}binding/decide-binding.test.ts`];
const ledger = [`${core}workloads/workload-ledger.test.ts`];
const retained = [`${core}workloads/retained-bindings.test.ts`];
const tokens = [`${core}workloads/token-writers.test.ts`];
const sources = ['packages/server/src/unsealed-sources.test.ts'];
const controller = [`${kube}controller.test.ts`];

/** What is lost, where, the text that stands there once, what takes its place, and who must notice. */
type Row = readonly [name: string, file: string, search: string, replace: string, tests: readonly string[]];

const rows: readonly Row[] = [
  // Who was given what.
  [
    'certificates outlive the row of their key',
    `${core}workloads/workloads.ts`,
    '[unchanged.key, chainKey(this.#options.barrier, row.uid), ...issued]',
    '[unchanged.key, ...issued]',
    ledger,
  ],
  [
    'what a pod was given outlives it',
    `${core}workloads/workloads.ts`,
    'for (const podUid of left) await deleteTraces(this.#options, podUid);',
    'void left;',
    ledger,
  ],
  [
    'a record of a delivery may stand anywhere',
    `${core}envelopes/delivery-record.ts`,
    "if (keyOf(barrier, record) !== entry.key) throw new RangeError('delivery record');",
    '',
    ledger,
  ],
  [
    'what was claimed is said to be opened',
    `${core}wraps/wraps.ts`,
    "const opened = state === 'OPENED' ? { opened: at } : {};",
    'const opened = { opened: at };',
    ledger,
  ],
  [
    'an older version counts as the latest',
    `${core}binding/decide-binding.ts`,
    ': ver === version);',
    ': ver > 0);',
    bindings,
  ],
  [
    'another binding’s secret counts',
    `${core}binding/decide-binding.ts`,
    'delivery.binding === name && isLatest(delivery, secret)',
    'isLatest(delivery, secret)',
    bindings,
  ],
  [
    'a recipient of an earlier pod stays',
    `${kube}recipient-reconciler.ts`,
    "before['spec']['podUid'] !== uid",
    "before['spec']['podUid'] === ''",
    controller,
  ],
  [
    'a recipient is deleted whosever it has become',
    `${kube}recipient-reconciler.ts`,
    ', preconditions: { uid } }',
    ' }',
    controller,
  ],
  // Nobody waits in silence.
  [
    'a pod that starts is an alarm',
    `${core}binding/decide-recipient.ts`,
    'const quietSeconds = 10;',
    'const quietSeconds = 0;',
    recipients,
  ],
  [
    'a pod that cannot make its files waits in silence',
    `${core}binding/decide-recipient.ts`,
    'if (given.length === 0 || !isSettled) return undefined;',
    'if (given.length >= 0) return undefined;',
    recipients,
  ],
  [
    'a pod that asks for the agent and has none is not told of',
    `${core}injection/find-left-out.ts`,
    'isInitialised: true }).do !==',
    'isInitialised: true }).do ===',
    [`${core}injection/find-left-out.test.ts`],
  ],
  // What outlives a binding, and what does not.
  [
    'what is there is purged',
    `${core}workloads/retained-bindings.ts`,
    'if (isThere(namespace, name)) continue;',
    'isThere(namespace, name);',
    retained,
  ],
  [
    'what is gone is purged at once',
    `${core}workloads/retained-bindings.ts`,
    'if (now - since < retainSeconds) {',
    'if (now < since) {',
    retained,
  ],
  [
    'a purge leaves the content',
    `${core}secrets/purge-secrets.ts`,
    ", { do: 'delete', key: barrier.keyOf(envelopePath(path, record.ver)) }],",
    '],',
    retained,
  ],
  [
    'a purge leaves the keys',
    'packages/server/src/unsealed-sources.ts',
    'await bindingKeys.destroy(namespace, name);',
    '',
    sources,
  ],
  // Keys that end.
  [
    'a registered key outlives its pod',
    'packages/server/src/unsealed-sources.ts',
    'await tokenWriters.podGone(uid);',
    '',
    sources,
  ],
  [
    'a registered key is any pod’s',
    `${core}workloads/token-writers.ts`,
    '({ uid }) => uid === podUid',
    '() => true',
    tokens,
  ],
  [
    'a pod that ends goes on writing',
    `${core}workloads/token-writers.ts`,
    'if (pod !== undefined && (pod.isTerminating || pod.hasEnded)) await',
    'if (pod === undefined) await',
    tokens,
  ],
  [
    'the key of a binding is never renewed',
    `${core}workloads/binding-keys.ts`,
    'return this.isDue(current) ? this.rotate(namespace, name) : current;',
    'return current;',
    [`${core}workloads/binding-keys.test.ts`],
  ],
];

export const controllerMutants: readonly Mutant[] = rows.map(([name, file, search, replace, tests]) => ({
  name: `controller: ${name}`,
  edits: [{ file, search, replace }],
  tests,
}));
