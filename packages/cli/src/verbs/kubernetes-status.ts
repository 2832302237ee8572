/**
 * `letterlock kubernetes status`: where the service is installed, in which mode, and how its pods are.
 * It must never ask the service itself.
 * @module
 */
import { kubernetesGroup } from '@letterlock/protocol';
import { clusterOptions, kubectlOf, list } from '../kubernetes/kubectl.ts';
import { findInstallation, isReady, type Pod } from '../kubernetes/objects.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  options: clusterOptions,
  examples: [{ command: 'letterlock kubernetes status', does: 'show the installation of the current cluster' }],
  async run(context, { options }) {
    const kubectl = kubectlOf(options);
    const { metadata, spec, status } = await findInstallation(kubectl);
    const namespace = metadata.namespace ?? '';
    const mode = metadata.labels?.[`${kubernetesGroup}/mode`] ?? 'unknown';
    const pods = await list<Pod>(kubectl, [
      'pods',
      '-n',
      namespace,
      '-l',
      'app.kubernetes.io/name=letterlock,app.kubernetes.io/component=server',
    ]);
    const [replicas, ready] = [spec.replicas ?? 0, status?.readyReplicas ?? 0];
    const image = spec.template.spec.containers[0]?.image ?? '';
    const rows = pods.map((pod) => ({
      name: pod.metadata.name,
      ready: isReady(pod),
      restarts: pod.status?.containerStatuses?.[0]?.restartCount ?? 0,
    }));
    context.output.result({ namespace, mode, image, replicas, ready, pods: rows }, [
      ['namespace', namespace],
      ['mode', mode === 'transient' ? 'transient: a restart empties it' : mode],
      ['image', image],
      [
        'ready',
        `${ready} of ${replicas}${ready < replicas ? '; one that is sealed or not initialised is not ready' : ''}`,
      ],
      ...rows.map(
        (pod) => ['pod', `${pod.name}: ${pod.ready ? 'ready' : 'not ready'}, ${pod.restarts} restarts`] as const,
      ),
    ]);
  },
});
