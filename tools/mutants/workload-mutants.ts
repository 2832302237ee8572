/**
 * Mutants of enrolment, the second factor, rights by bindings and deliveries in mode svc: one line removed each.
 * Must never hold a change that only breaks the syntax: such a row proves nothing.
 * @module
 */
import type { Mutant } from './mutants.ts';

const core = 'packages/core/src/';
const workloads = `${core}workloads/`;
const enrolment = [`${workloads}workloads.test.ts`, `${workloads}decide-enrolment.test.ts`];
const reviews = [`${core}proof/token-review.test.ts`];
const factors = [`${core}proof/second-factor.test.ts`];
const rights = [`${core}policy/binding-rules.test.ts`];
const deliveries = [`${workloads}binding-delivery.test.ts`, `${core}envelopes/binding-slot.test.ts`];

/** What is lost, where, the text that stands there once, what takes its place, and who must notice. */
type Row = readonly [name: string, file: string, search: string, replace: string, tests: readonly string[]];

const rows: readonly Row[] = [
  [
    'a token need not be authenticated',
    'proof/token-review.ts',
    `if (status['authenticated'] !== true)`,
    'if (false)',
    reviews,
  ],
  [
    'no audience need be confirmed',
    'proof/token-review.ts',
    'if (!audiences.includes(audience))',
    'if (false)',
    reviews,
  ],
  [
    'an answer without audiences will do',
    'proof/token-review.ts',
    `  if (!Array.isArray(audiences) || audiences.length === 0) return refuse('token_audience_not_confirmed');
  if (!audiences.includes(audience))`,
    '  if (Array.isArray(audiences) && audiences.length > 0 && !audiences.includes(audience))',
    reviews,
  ],
  ['the first of several pods counts', 'proof/token-review.ts', 'values.length !== 1', 'values.length < 1', reviews],
  ['a pod of the same name will do', 'workloads/decide-enrolment.ts', 'pod.uid !== token.podUid', 'false', enrolment],
  ['a terminating pod may enrol', 'workloads/decide-enrolment.ts', '=> pod.isTerminating', '=> false', enrolment],
  [
    'a pod of another ServiceAccount may enrol',
    'workloads/decide-enrolment.ts',
    ' || pod.serviceAccount !== token.serviceAccount',
    '',
    enrolment,
  ],
  [
    'an agent that does not run may enrol',
    'workloads/decide-enrolment.ts',
    'agent?.isRunning !== true',
    'agent === undefined',
    enrolment,
  ],
  [
    'any address may enrol',
    'workloads/decide-enrolment.ts',
    '!pod.addresses.includes(plainAddress(sourceAddress))',
    'false',
    enrolment,
  ],
  [
    'the form of the agent is not asked',
    'workloads/decide-enrolment.ts',
    'return check.isInjected',
    'return check.isInjected || true',
    enrolment,
  ],
  [
    'a second key for one start is served',
    'workloads/workloads.ts',
    'first !== undefined && first.kid !== row.kid',
    'false',
    enrolment,
  ],
  [
    'a second key raises the alarm at once',
    'workloads/suspicions.ts',
    '    return false;\n  }\n\n  /** Those',
    '    return true;\n  }\n\n  /** Those',
    enrolment,
  ],
  [
    'a thief gains time by new keys',
    'workloads/suspicions.ts',
    'known?.containerId === alarm.containerId',
    'known?.kid === alarm.kid',
    enrolment,
  ],
  [
    'a late report puts a newer start out',
    'workloads/workloads.ts',
    'found !== undefined && found.row.restarts > row.restarts',
    'false',
    enrolment,
  ],
  [
    'an old event revokes a newer start',
    'workloads/row-events.ts',
    'agent.restarts > row.restarts',
    'agent.containerId !== row.container',
    enrolment,
  ],
  ['a list revokes who enrolled after it', 'workloads/workloads.ts', ' && at < listedAtSeconds', '', enrolment],
  [
    'the certificate’s key need not be the row’s',
    'workloads/workloads.ts',
    ' || key.thumbprint !== row.kid',
    '',
    enrolment,
  ],
  [
    'a renewal takes the token of another pod',
    'workloads/workloads.ts',
    'expected !== undefined && workloadUri(expected) !== workloadUri(identity)',
    'false',
    enrolment,
  ],
  [
    'a row may stand in another pod’s place',
    'workloads/workload-record.ts',
    'rowKey(barrier, row.uid) !== entry.key',
    'false',
    enrolment,
  ],
  [
    'enrolment needs no exporter',
    'policy/rules.ts',
    `caller.binding === 'exporter' ? undefined`,
    'caller ? undefined',
    enrolment,
  ],
  [
    'a watch is fresh from the start',
    'workloads/watch-freshness.ts',
    'this.#lastSeconds !== undefined && this.#clock',
    'this.#lastSeconds === undefined || this.#clock',
    [`${workloads}watch-freshness.test.ts`],
  ],
  ['the token may be of another pod', 'proof/second-factor.ts', `token.podUid !== pod]`, 'false]', factors],
  [
    'the token may be of another ServiceAccount',
    'proof/second-factor.ts',
    'token.serviceAccount !== sa]',
    'false]',
    factors,
  ],
  ['the token may be of another node', 'proof/second-factor.ts', 'token.nodeUid !== nodeUid,', 'false,', factors],
  [
    'a token is a factor without a certificate',
    'proof/second-factor.ts',
    `if (caller.workload?.by !== 'svid') throw`,
    'if (caller.workload === undefined) throw',
    factors,
  ],
  [
    'a review is remembered for long',
    'proof/second-factor.ts',
    'const rememberedSeconds = 10;',
    'const rememberedSeconds = 100;',
    factors,
  ],
  [
    'the proof need not name the token',
    'proof/proof-rules.ts',
    `claims.th === (writerToken === undefined ? undefined : hash43(writerToken))`,
    'true',
    factors,
  ],
  [
    'a workload’s proof may come from anywhere',
    'proof/proof-rules.ts',
    `attempt.known?.workload?.by !== 'svid' ||`,
    'true ||',
    factors,
  ],
  [
    'grants count under the reserved path',
    'policy/rules.ts',
    'if (isReservedPath(path)) {\n      // What',
    'if (isReservedPath(path) && world.grants.length === 0) {\n      // What',
    rights,
  ],
  ['rights outlive the watch', 'policy/binding-rules.ts', 'if (!bindings.isCurrent())', 'if (false)', rights],
  [
    'the certificate alone writes',
    'policy/binding-rules.ts',
    `factor === 'svid' ? 'second_factor_missing' : undefined`,
    'undefined',
    rights,
  ],
  [
    'a token alone writes where an agent is asked for',
    'policy/binding-rules.ts',
    `workload.by === 'token' && entry.factor !== 'Token' ?`,
    'false ?',
    rights,
  ],
  ['the selector is not asked', 'policy/binding-rules.ts', ' &&\n    binding.selectsPod(workload.pod)', '', rights],
  ['a pod of another namespace reads', 'policy/binding-rules.ts', 'workload.ns === binding.namespace &&', '', rights],
  [
    'an identity’s listing has no end',
    'policy/live-binding.ts',
    '(notAfter === undefined || nowSeconds < notAfter)',
    'true',
    rights,
  ],
  [
    'a slot may stand under another header',
    'envelopes/binding-slot.ts',
    'if (slotHeader.eh !== eh)',
    'if (false)',
    deliveries,
  ],
  [
    'the writer’s selectors are not asked',
    'envelopes/binding-slot.ts',
    'selector === undefined || !rcp.includes(selector)',
    'selector === undefined',
    deliveries,
  ],
  [
    'the file key need not be the committed one',
    'envelopes/binding-slot.ts',
    ' && isCommittedTo(fileKey, header)',
    '',
    deliveries,
  ],
  [
    'a slot for an older key is stored',
    'envelopes/check-envelope.ts',
    'if (slotKids[0] !== current.kid)',
    'if (false)',
    deliveries,
  ],
  [
    'bnd need not be the path’s binding',
    'envelopes/binding-slot.ts',
    `if (bnd === undefined || bnd !== bindingOfPath(path)) return 'binding_not_of_path';`,
    `if (bnd === undefined) return 'binding_not_of_path';`,
    deliveries,
  ],
  [
    'recipients may be elsewhere',
    'envelopes/binding-slot.ts',
    'entry.startsWith(own)',
    `entry.startsWith('spiffe:')`,
    deliveries,
  ],
  [
    'a wrap is claimed before its slot is known to open',
    'wraps/wraps.ts',
    '    if (entry !== undefined) {\n      const stored = readStoredEnvelope(barrier.open(envelopePath(action.id)',
    '    if (entry === undefined) {\n      const stored = readStoredEnvelope(barrier.open(envelopePath(action.id)',
    deliveries,
  ],
  [
    'a key may stand in a newer one’s place',
    'workloads/binding-keys.ts',
    'const isInPlace = barrier.keyOf(',
    "const isInPlace = read.n > 0 || '' === barrier.keyOf(",
    [`${workloads}binding-keys.test.ts`],
  ],
  [
    'a token’s key lives for ever',
    'workloads/token-writers.ts',
    ' || clock.nowSeconds() >= record.until',
    '',
    [`${workloads}token-writers.test.ts`],
  ],
  [
    'a token’s pod need not live',
    'workloads/token-writers.ts',
    'if (!isLive) throw',
    'if (pod === undefined) throw',
    [`${workloads}token-writers.test.ts`],
  ],
  [
    'evidence by a binding has no end',
    'identities/evidence.ts',
    '(notAfter === undefined || clock.nowSeconds() < notAfter)',
    'true',
    [`${core}identities/binding-evidence.test.ts`],
  ],
];

export const workloadMutants: readonly Mutant[] = rows.map(([name, file, search, replace, tests]) => ({
  name: `workloads: ${name}`,
  edits: [{ file: `${core}${file}`, search, replace }],
  tests,
}));
