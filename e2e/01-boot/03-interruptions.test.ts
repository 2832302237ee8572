/**
 * The pod does not need the API server, and said nothing bad meanwhile.
 * @module
 */
import type { Step } from '../run/story.ts';
import { namespace } from './pods.ts';

export const steps: readonly Step[] = [
  {
    title: 'the pod goes on while the API server is away',
    async run(world) {
      if (!world.isOwnCluster) return world.note('not tried: the cluster is not ours');
      const address = world.kubectl(`-n ${namespace} get pod server -o jsonpath={.status.podIP}`);
      world.stop('kube-apiserver');
      try {
        if (world.tryKubectl('get nodes --request-timeout=2s').status === 0)
          throw new Error('The API server still answers');
        const { status } = await fetch(`http://${address}:9090/readyz`, { signal: AbortSignal.timeout(5000) });
        if (status !== 200) throw new Error(`The pod answers ${status}`);
      } finally {
        await world.start('kube-apiserver');
      }
      world.kubectl(`-n ${namespace} wait --for=condition=Ready pod/server --timeout=30s`);
    },
  },
  {
    title: 'its log is free of errors, and it was not restarted',
    run(world) {
      const log = world.kubectl(`-n ${namespace} logs server`);
      const lines = log.split('\n').filter((line) => line.startsWith('{'));
      if (lines.length === 0) throw new Error('The log is empty');
      const bad = lines.filter((line) => (JSON.parse(line) as { readonly level: number | string }).level !== 'info');
      if (bad.length > 0) throw new Error(`Lines of its log:\n${bad.join('\n')}`);
      const restarts = world.kubectl(
        `-n ${namespace} get pod server -o jsonpath={.status.containerStatuses[0].restartCount}`,
      );
      if (restarts !== '0') throw new Error(`It was restarted ${restarts} times`);
    },
  },
];
