/**
 * `letterlock kubernetes pods`: every pod with an agent, and how far its agent is.
 * It must never show what was delivered.
 * @module
 */
import { clusterOptions, kubectlOf, list } from '../kubernetes/kubectl.ts';
import { agentState, agentStatusOf, hasAgent, type Pod, type Recipient } from '../kubernetes/objects.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  options: {
    ...clusterOptions,
    namespace: { flags: '-n, --namespace <namespace>', help: 'default: all' },
  },
  examples: [
    { command: 'letterlock kubernetes pods -n shop', does: 'list the pods of one namespace that have an agent' },
  ],
  async run(context, { options }) {
    const kubectl = kubectlOf(options);
    const where = options.namespace === undefined ? ['-A'] : ['-n', options.namespace];
    const [pods, recipients] = await Promise.all([
      list<Pod>(kubectl, ['pods', ...where]),
      list<Recipient>(kubectl, ['secretrecipients.letterlock.dev', ...where]),
    ]);
    const phases = new Map(
      recipients.map(({ metadata, status }) => [`${metadata.namespace}/${metadata.name}`, status?.phase]),
    );
    const rows = pods.filter(hasAgent).map((pod) => {
      const { name, namespace = '' } = pod.metadata;
      return {
        namespace,
        name,
        agent: agentState(pod),
        phase: phases.get(`${namespace}/${name}`) ?? 'unknown',
        restarts: agentStatusOf(pod)?.restartCount ?? 0,
      };
    });
    context.output.list('pods', rows, ['NAMESPACE', 'NAME', 'AGENT', 'PHASE', 'RESTARTS'], (row) => [
      row.namespace,
      row.name,
      row.agent,
      row.phase,
      String(row.restarts),
    ]);
  },
});
