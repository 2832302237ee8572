/**
 * The server's image runs as a pod under Pod Security `restricted`.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from '../run/story.ts';
import { appObject, namespace, namespaceObject, serverObjects } from './pods.ts';

interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers: readonly { readonly name: string; readonly memory?: { readonly workingSetBytes?: number } }[];
  }[];
}

export const steps: readonly Step[] = [
  {
    title: 'the images of server and application are made and imported',
    seconds: 180,
    async run(world) {
      for (const name of ['server', 'app'] as const) world.note(await world.image(name));
    },
  },
  {
    title: 'the pod of a transient server becomes Ready',
    seconds: 120,
    async run(world) {
      const certificates: Record<string, string> = {};
      for (const name of ['anna', 'ben']) {
        world.letterlock(`init admin --name ${name}`);
        certificates[`${name}.crt`] = readFileSync(join(world.folder, `${name}.crt`), 'utf8');
      }
      world.apply([namespaceObject()]);
      world.kubectl(`-n ${namespace} wait --for=create serviceaccount/default --timeout=30s`);
      world.apply([...serverObjects(await world.image('server'), certificates), appObject(await world.image('app'))]);
      world.kubectl(`-n ${namespace} wait --for=condition=Ready pod/server pod/app --timeout=90s`, { seconds: 100 });
    },
  },
  {
    title: 'the command line in the image asks it for its state',
    run(world) {
      const command = `/nodejs/bin/node /app/lib/letterlock.js status --address https://localhost:8443 -o json`;
      const answer = world.kubectl(`-n ${namespace} exec server -- ${command}`);
      const { fingerprint } = JSON.parse(answer) as { readonly fingerprint?: string };
      if (fingerprint === undefined) throw new Error(`The state has no fingerprint: ${answer}`);
    },
  },
  {
    title: 'an application finds it by name, as a Service',
    async run(world) {
      await world.eventually('no answer came through the Service', () => {
        const url = `https://letterlock.${namespace}.svc:8443/`;
        const asked = world.tryKubectl(
          `-n ${namespace} exec app -- curl -sk --max-time 5 -o /dev/null -w %{http_code} ${url}`,
        );
        return asked.status === 0 && /^[1-5]\d\d$/.test(asked.stdout);
      });
    },
  },
  {
    title: 'the kubelet reports its memory',
    seconds: 90,
    async run(world) {
      const [node = ''] = world.kubectl('get nodes -o name').trim().split('\n');
      let mebibytes = 0;
      await world.eventually('the kubelet did not report it', () => {
        const path = `/api/v1/nodes/${node.replace('node/', '')}/proxy/stats/summary`;
        const { pods } = JSON.parse(world.kubectl(['get', '--raw', path])) as Summary;
        const pod = pods.find(({ podRef }) => podRef.name === 'server' && podRef.namespace === namespace);
        mebibytes = (pod?.containers[0]?.memory?.workingSetBytes ?? 0) / 1024 / 1024;
        return mebibytes > 0;
      });
      world.note(`server, idle: ${mebibytes.toFixed(1)} MiB working set`);
    },
  },
];
