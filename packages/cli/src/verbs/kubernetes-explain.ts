/**
 * `letterlock kubernetes explain pod NAME`: what the pod asks for, whether it was injected, which bindings select it, and what they say.
 * It must never change anything.
 * @module
 */
import { CommandError, usage } from '../exit-status.ts';
import { clusterOptions, kubectlOf, list, type Kubectl } from '../kubernetes/kubectl.ts';
import {
  agentState,
  asksForInjection,
  hasAgent,
  injectKey,
  selects,
  type Binding,
  type Metadata,
  type Pod,
} from '../kubernetes/objects.ts';
import type { Row } from '../output.ts';
import { defineVerb } from '../verb.ts';

interface Event {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Most events that are shown. */
const eventsShown = 5;

export const verb = defineVerb({
  arguments: { '<kind>': 'only pods can be explained', '<name>': 'name of the pod' },
  options: {
    ...clusterOptions,
    namespace: { flags: '-n, --namespace <namespace>', help: "default: the context's" },
  },
  examples: [
    { command: 'letterlock kubernetes explain pod orders-6f9c -n shop', does: 'say why it has no secrets yet' },
  ],
  async run(context, { arguments: [kind, name = ''], options }) {
    if (kind !== 'pod' && kind !== 'pods') throw usage('Cannot explain that: only pods', 'explain pod NAME');
    const kubectl = kubectlOf(options);
    const where = options.namespace === undefined ? [] : ['-n', options.namespace];
    const pod = await read<Pod>(kubectl, ['pod', name, ...where]);
    if (pod === undefined) throw new CommandError('gone', 'Cannot find that pod', 'name its namespace with -n');
    const namespace = pod.metadata.namespace ?? '';
    const ofNamespace = await read<{ readonly metadata: Metadata }>(kubectl, ['namespace', namespace]);
    const [bindings, events] = await Promise.all([
      list<Binding>(kubectl, ['secretbindings.letterlock.dev', '-n', namespace]),
      list<Event>(kubectl, ['events', '-n', namespace, `--field-selector=involvedObject.name=${name}`]),
    ]);
    const { asks, by } = asksForInjection(pod, ofNamespace?.metadata);
    const isInjected = hasAgent(pod);
    const matching = bindings.filter((binding) => selects(binding, pod));
    const warnings = events.filter(({ type }) => type === 'Warning').slice(-eventsShown);
    context.output.result(
      {
        namespace,
        name,
        asks,
        injected: isInjected,
        agent: isInjected ? agentState(pod) : 'none',
        bindings: matching.map(({ metadata }) => metadata.name),
      },
      [
        ['asks', asks ? `yes, by ${by}` : `no: set the label or annotation ${injectKey}: "true"`],
        ['injected', injectionText(asks, isInjected)],
        ...(isInjected ? [['agent', agentState(pod)] as const] : []),
        ['account', pod.spec.serviceAccountName ?? 'default'],
        ...(matching.length === 0
          ? [
              [
                'binding',
                `none of ${bindings.length} in ${namespace} names this ServiceAccount and these labels`,
              ] as const,
            ]
          : matching.flatMap(bindingRows)),
        ...warnings.map(({ reason = '', message = '' }) => ['warning', `${reason}: ${message}`] as const),
      ],
    );
  },
});

function injectionText(asks: boolean, isInjected: boolean): string {
  if (isInjected) return 'yes';
  return asks ? 'no: it was created while the webhook did not select it; delete it, so that it is created again' : 'no';
}

function bindingRows({ metadata, status }: Binding): readonly Row[] {
  const open = (status?.conditions ?? []).filter(({ type, status: isSo }) =>
    type === 'Stalled' || type === 'Reconciling' ? isSo === 'True' : isSo !== 'True',
  );
  const heading: Row = ['binding', `${metadata.name}${open.length === 0 ? ': all conditions hold' : ''}`];
  return [
    heading,
    ...open.map(({ type, reason = '', message = '' }): Row => [
      '',
      `${type}: ${reason}${message === '' ? '' : `: ${message}`}`,
    ]),
  ];
}

async function read<T>(kubectl: Kubectl, words: readonly string[]): Promise<T | undefined> {
  const { isOk, stdout } = await kubectl(['get', ...words, '-o', 'json']);
  return isOk ? (JSON.parse(stdout) as T) : undefined;
}
