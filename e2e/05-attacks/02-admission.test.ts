/**
 * What the webhook refuses or writes over, and what a Service of our name does not do. Without the webhook it is let in: 04-copies.
 * @module
 */
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { passwordIn, podSpec } from '../run/workloads.ts';
import { ci, shop } from './names.ts';
import { copyOf, demandRefused, intruders, type Intruder } from './intruders.ts';

interface Injected {
  readonly spec: {
    readonly initContainers: readonly (object & { readonly name: string; readonly volumeMounts: readonly Named[] })[];
    readonly volumes: readonly Named[];
  };
}
interface Named {
  readonly name: string;
}

/** Agent and volumes of a pod as it would be stored, without what the API server adds by chance. */
function agentOf({ spec }: Injected): string {
  const isOurs = ({ name }: Named): boolean => name.startsWith('letterlock-');
  const agents = spec.initContainers
    .filter(isOurs)
    .map((agent) => ({ ...agent, volumeMounts: agent.volumeMounts.filter(isOurs) }));
  const volumes = spec.volumes.filter(isOurs).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify([agents, volumes]);
}

function stored(world: World, pod: object): string {
  const words = ['create', '-f', '-', '--dry-run=server', '-o', 'json'];
  return agentOf(JSON.parse(world.kubectl(words, { input: JSON.stringify(pod) })) as Injected);
}

const refused = intruders.map((intruder: Intruder): Step => ({
  title: `refused: ${intruder.title}`,
  isRow: true,
  async run(world) {
    demandRefused(intruder.run(world, await world.image('app')));
  },
}));

export const steps: readonly Step[] = [
  ...refused,
  {
    title: 'refused: a copy of an injected pod, made by kubectl debug',
    isRow: true,
    async run(world) {
      demandRefused(copyOf(world, await world.image('app')));
      const { status } = world.tryKubectl(`-n ${ci} get pod copy`);
      if (status === 0) throw new Error('pod accepted: the copy is there');
    },
  },
  {
    title: 'written over: an agent of one’s own, under the mark of the injector',
    isRow: true,
    async run(world) {
      const image = await world.image('app');
      const honest = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'marked', namespace: ci, annotations: { 'letterlock.dev/inject': 'true' } },
        spec: podSpec(image, 'deployer'),
      };
      const annotations = { 'letterlock.dev/inject': 'true', 'letterlock.dev/status': 'injected' };
      const marked = {
        ...honest,
        metadata: { ...honest.metadata, annotations },
        spec: {
          ...honest.spec,
          initContainers: [{ name: 'letterlock-agent', image, command: ['/nodejs/bin/node', '-e', 'steal()'] }],
          volumes: [{ name: 'letterlock-secrets', hostPath: { path: '/' } }],
        },
      };
      if (stored(world, marked) !== stored(world, honest)) throw new Error('pod accepted: with another agent');
    },
  },
  {
    title: 'harmless: Services of our names in the namespace of the pod',
    isRow: true,
    seconds: 120,
    async run(world) {
      const names = ['letterlock', 'letterlock-agent', 'letterlock-server'];
      const services = names.map((name) => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: shop },
        spec: { selector: { app: 'nobody' }, ports: [{ port: 8443 }] },
      }));
      world.apply(services);
      const image = await world.image('app');
      const metadata = { name: 'linked', namespace: shop, annotations: { 'letterlock.dev/inject': 'true' } };
      world.apply([{ apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec(image, 'orders') }]);
      try {
        world.kubectl(`-n ${shop} wait --for=condition=Ready pod/linked --timeout=90s`, { seconds: 100 });
        const environment = world.kubectl(`-n ${shop} exec linked -c app -- env`);
        if (!environment.includes('LETTERLOCK_PORT=tcp://'))
          throw new Error('The kubelet has told nobody of the Service');
        if (passwordIn(world, shop, 'linked') !== 'kept') throw new Error('The pod has another password');
      } finally {
        world.kubectl(`-n ${shop} delete pod linked --wait=true`);
        world.kubectl(`-n ${shop} delete service ${names.join(' ')}`);
      }
    },
  },
  {
    title: 'dropped: a namespace in what a binding says of who receives',
    isRow: true,
    run(world) {
      const binding = {
        apiVersion: 'letterlock.dev/v1alpha1',
        kind: 'SecretBinding',
        metadata: { name: 'foreign', namespace: ci },
        spec: {
          workload: { namespace: shop, serviceAccountNames: ['orders'] },
          secrets: [{ name: 'db', keys: ['password'] }],
        },
      };
      const words = ['create', '-f', '-', '--dry-run=server', '-o', 'json'];
      const input = JSON.stringify(binding);
      const { stderr } = world.tryKubectl([...words, '--validate=strict'], { input });
      if (!stderr.includes('unknown field "spec.workload.namespace"')) throw new Error(`binding accepted: ${stderr}`);
      const said = world.kubectl([...words, '--validate=ignore'], { input });
      const { spec } = JSON.parse(said) as { readonly spec: { readonly workload: object } };
      if ('namespace' in spec.workload) throw new Error('binding accepted: it names another namespace');
    },
  },
];
