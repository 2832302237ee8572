/**
 * What stands between the attacks of docs/security.md and their aim, each protection taken away alone.
 * Must never hold a change that only breaks the syntax: such a row proves nothing.
 * @module
 */
import type { Mutant } from './mutants.ts';

const core = 'packages/core/src/';
const injection = `${core}injection/`;
const checked = [`${injection}check-injected.test.ts`];
const decided = [`${injection}decide-injection.test.ts`];

/** What is lost, where, the text that stands there once, what takes its place, and who must notice. */
type Row = readonly [name: string, file: string, search: string, replace: string, tests: readonly string[]];

/** Members of the agent's container, any of which would let somebody else's program hold its key. */
const members = ['args', 'command', 'lifecycle', 'startupProbe', 'env', 'envFrom', 'stdin', 'image'];
const comparison = 'isSameJson({ ...stored, resources: {}, volumeMounts }, { ...written, resources: {} })';

const forgiven = members.map((member): Row => [
  `the agent may have any ${member}`,
  `${injection}as-written.ts`,
  comparison,
  `isSameJson({ ...stored, ${member}: 1, resources: {}, volumeMounts }, { ...written, ${member}: 1, resources: {} })`,
  checked,
]);

const rows: readonly Row[] = [
  ...forgiven,
  [
    'the agent may have any volumeMounts',
    `${injection}as-written.ts`,
    comparison,
    'isSameJson({ ...stored, resources: {}, volumeMounts: 1 }, { ...written, resources: {}, volumeMounts: 1 })',
    checked,
  ],
  [
    'the volumes of the agent may be any',
    `${injection}check-injected.ts`,
    '!subject.forms.settings.some((settings) => isFormOf(subject, settings))',
    'false',
    checked,
  ],
  [
    'the agent may run any image',
    `${injection}check-injected.ts`,
    `!forms.imageDigests.includes(digest.exec(status.imageId)?.[1] ?? '')`,
    'false',
    checked,
  ],
  [
    'others may mount the token for enrolment',
    `${injection}check-injected.ts`,
    `['enrolment_volume_shared', isEnrolmentShared]`,
    `['enrolment_volume_shared', () => false]`,
    checked,
  ],
  [
    'a debugger may sit at the agent',
    `${injection}check-injected.ts`,
    `['agent_debugged', isAgentDebugged]`,
    `['agent_debugged', () => false]`,
    checked,
  ],
  [
    'a pod that asks may bring names of ours',
    `${injection}injection-rules.ts`,
    `pod.metadata?.annotations?.[statusAnnotation] === injectedStatus ? undefined : reservedNameIn(pod)`,
    'undefined',
    decided,
  ],
  [
    'a pod that asks for nothing may bring names of ours',
    `${injection}injection-rules.ts`,
    'isAsking ? undefined : reservedNameIn(pod)',
    'undefined',
    decided,
  ],
  [
    'the mark of the injector saves an agent of another',
    `${injection}inject.ts`,
    'present !== undefined && isAsWritten(present, written) ? present : written',
    'present ?? written',
    [`${injection}inject.test.ts`],
  ],
  [
    'the mark of the injector saves the mounts of others',
    `${injection}inject.ts`,
    'return replacement === undefined ? [] : [replacement];',
    'return [replacement ?? item];',
    [`${injection}inject.test.ts`],
  ],
  [
    'a Service fills a variable of the agent',
    'packages/protocol/src/agent-contract.ts',
    `'LETTERLOCK_AGENT_TARGET'`,
    `'LETTERLOCK_AGENT_PORT'`,
    ['packages/protocol/src/agent-contract.test.ts'],
  ],
  [
    'an agent takes the trust of another instance than the pinned one',
    'packages/agent/src/trust-folder.ts',
    'pinned !== undefined && instanceKey.thumbprint !== pinned',
    'false',
    ['packages/agent/src/trust-folder.test.ts'],
  ],
  [
    'a connection without a certificate is served',
    'packages/server/src/grpc/grpc-listener.ts',
    'if (socket.alpnProtocol !== alpn || caller === undefined) {',
    'if (socket.alpnProtocol !== alpn) {',
    ['packages/server/src/grpc/grpc-listener.test.ts'],
  ],
  [
    'a certificate writes without a token',
    `${core}proof/second-factor.ts`,
    `if (writerToken === undefined) throw refusal('writer_token_missing');`,
    `if (writerToken === undefined) return prove({ ...caller, factor: 'svid-token' }, request);`,
    [`${core}proof/second-factor.test.ts`],
  ],
  [
    'a writer need not be listed',
    `${core}policy/binding-rules.ts`,
    `if (entry === undefined) return 'writer_not_listed';`,
    'if (entry === undefined) return undefined;',
    [`${core}policy/binding-rules.test.ts`],
  ],
  [
    'a deleted pod keeps its certificate',
    `${core}workloads/workloads.ts`,
    `if (found !== undefined) await this.#revoke(found.row, found.unchanged, 'pod_gone', issued);`,
    'if (found !== undefined) return;',
    [`${core}workloads/workloads.test.ts`],
  ],
  [
    'an agent that has started again keeps its certificate',
    `${core}workloads/workloads.ts`,
    `await this.#revoke(found.row, found.unchanged, 'agent_ended', []);`,
    '',
    [`${core}workloads/workloads.test.ts`],
  ],
  [
    'nobody is told that a pod is deleted',
    'packages/server/src/kube/controller.ts',
    'this.#tell((sources) => sources.podGone(pod.metadata.uid));',
    '',
    ['packages/server/src/kube/controller.test.ts'],
  ],
  [
    'a second key is told to nobody',
    'packages/server/src/kube/enrolment-alarm.ts',
    `type: 'Warning',`,
    `type: 'Normal',`,
    ['packages/server/src/kube/enrolment-alarm.test.ts'],
  ],
  [
    'a second key is not counted',
    'packages/server/src/run-workloads.ts',
    `        o.alarmed();
`,
    '',
    ['packages/server/src/alerts.test.ts'],
  ],
];

export const attackMutants: readonly Mutant[] = rows.map(([name, file, search, replace, tests]) => ({
  name: `attacks: ${name}`,
  edits: [{ file, search, replace }],
  tests,
}));
