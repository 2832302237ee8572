/**
 * Mutants of lives: of certificates, authorities and their rotation, and of what keeps honest agents from being locked out.
 * Must never hold a change that only breaks the syntax: such a row proves nothing.
 * @module
 */
import type { Mutant } from './mutants.ts';

const agent = 'packages/agent/src/';
const core = 'packages/core/src/';
const server = 'packages/server/src/';
const lockOut = [`${agent}lock-out.test.ts`];
const rotating = [`${agent}rotation.test.ts`];
const times = [`${core}ca/rotation.test.ts`];
const membership = [`${agent}membership.test.ts`];
const calls = [`${agent}agent-service.test.ts`];

/** What is lost, where, the text that stands there once, what takes its place, and who must notice. */
type Row = readonly [name: string, file: string, search: string, replace: string, tests: readonly string[]];

const rows: readonly Row[] = [
  // The answer of an enrolment was lost.
  [
    'a key enrols once alone',
    `${core}workloads/workloads.ts`,
    'first !== undefined && first.kid !== row.kid',
    'first !== undefined',
    lockOut,
  ],
  // An agent crashed, and the kubelet reports late.
  [
    'a second key is an alarm at once',
    `${core}workloads/suspicions.ts`,
    'export const settlingSeconds = 10;',
    'export const settlingSeconds = 0;',
    lockOut,
  ],
  [
    'a suspicion outlives the start that it was about',
    `${core}workloads/workloads.ts`,
    'live?.uid === podUid && live.agent?.containerId === containerId && live.agent.isRunning;',
    'live?.uid === podUid;',
    lockOut,
  ],
  [
    'a pod has one key for ever',
    `${core}workloads/workloads.ts`,
    'const key = issuedKey(barrier, row.uid, row.container);',
    "const key = issuedKey(barrier, row.uid, 'any');",
    lockOut,
  ],
  [
    'a second key is refused for good while the kubelet may be late',
    `${core}workloads/workloads.ts`,
    `throw settling('container_key_taken');`,
    `throw denied('container_key_taken');`,
    [`${server}workloads-server.test.ts`],
  ],
  // The service was sealed for longer than certificates live.
  [
    'an agent tries to renew what has ended',
    `${agent}membership.ts`,
    'if (!isSameInstance || !this.#isValid)',
    'if (!isSameInstance)',
    [...lockOut, ...membership],
  ],
  [
    'an agent calls with a certificate that has ended',
    `${agent}membership.ts`,
    'return this.#isValid ? this.#link : undefined;',
    'return this.#link;',
    [...lockOut, ...membership],
  ],
  // Renewal.
  [
    'an agent renews when its certificate is nearly over',
    `${agent}membership.ts`,
    '(400 + randomInt(201))',
    '(990 + randomInt(2))',
    membership,
  ],
  [
    'an agent goes on with an older bundle',
    `${agent}membership.ts`,
    'else if (this.#link!.trust.seq !== trust.seq) this.#connect(trust);',
    '',
    membership,
  ],
  [
    'news come on a connection that was given up',
    `${agent}rpc-client.ts`,
    'for (const watch of this.#watches) watch.cancel();',
    '',
    calls,
  ],
  [
    'a connection closes under a write that has begun',
    `${agent}rpc-client.ts`,
    'setTimeout(() => this.#client.close(), graceMilliseconds)',
    'setTimeout(() => this.#client.close(), 0)',
    calls,
  ],
  // Rotation.
  [
    'an authority signs before agents can know it',
    `${core}ca/rotation.ts`,
    'return nowSeconds >= next.publishedAt + times.published ||',
    'return true ||',
    times,
  ],
  [
    'an authority goes with its last signature',
    `${core}ca/rotation.ts`,
    `return nowSeconds >= retiring.stoppedAt + times.retired ? 'retire' : undefined;`,
    `return 'retire';`,
    [...times, ...rotating],
  ],
  [
    'an authority goes before its last certificate',
    `${core}ca/rotation.ts`,
    'retired: overlap + leaf + Math.ceil(leaf / 12),',
    'retired: overlap,',
    times,
  ],
  [
    'the authority that signed is trusted no more',
    `${core}ca/rotation.ts`,
    '...(retiring === undefined ? [] : [retiring.authority]),\n  ];',
    '];',
    [...times, ...rotating],
  ],
  [
    'the authority that signed goes on to sign',
    `${core}ca/workload-authorities.ts`,
    'const authority = this.#state.signing;',
    'const authority = (this.#state.retiring?.authority ?? this.#state.signing) as Authority;',
    rotating,
  ],
  [
    'short lives are looked after once a minute',
    `${server}keep-authorities.ts`,
    'lookEverySeconds(times) * 1000',
    '60_000',
    rotating,
  ],
  ['nobody is told of a new bundle', `${server}run-workloads.ts`, 'ports.rotated?.();', ';', rotating],
  [
    'namespaces keep an older bundle',
    `${server}kube/controller.ts`,
    `for (const pod of this.#pods.objects) if (hasAgent(pod)) this.#add('trust', pod.metadata.namespace ?? '');`,
    '',
    [`${server}kube/controller.test.ts`],
  ],
  // Settings.
  [
    'a certificate may live for a day',
    `${server}config-settings.ts`,
    `lifetime('2m', '1h')`,
    `lifetime('2m', '24h')`,
    [`${server}config.test.ts`],
  ],
  [
    'an authority may end before its certificates',
    `${server}config-checks.ts`,
    'return renewBefore >= least',
    'return true',
    [`${server}config.test.ts`],
  ],
  [
    'an authority may end before the next one signs',
    `${server}config-checks.ts`,
    'return lifetime >= renewBefore + published',
    'return true',
    [`${server}config.test.ts`],
  ],
];

export const lifetimeMutants: readonly Mutant[] = rows.map(([name, file, search, replace, tests]) => ({
  name: `lifetimes: ${name}`,
  edits: [{ file, search, replace }],
  tests,
}));
