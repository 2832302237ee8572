/**
 * Pods that nobody injected: with the webhook out of the way, copies of a genuine pod that differ from it in one thing. The agent's
 * image is genuine, and so is the token; the service refuses all the same. Last, because the webhook does not come back.
 * @module
 */
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { NewLines } from '../run/server-log.ts';
import { withoutGuard } from '../run/without-guard.ts';
import { ci, serviceNamespace, writes } from './names.ts';
import { copyOf, intruders } from './intruders.ts';
import { endAgent, placeIn, untilAgentRuns } from './places.ts';
import { audiences, mintToken, refusalOf, Thief } from './thief.ts';

type Fields = Readonly<Record<string, unknown>>;
interface Named extends Fields {
  readonly name: string;
}
interface Spec extends Fields {
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
  readonly volumes: readonly Named[];
}
interface Container extends Named {
  readonly env?: readonly Named[];
  readonly volumeMounts: readonly Named[];
}
interface Pod {
  readonly metadata: Fields;
  readonly spec: Spec;
}

interface Copy {
  readonly name: string;
  readonly title: string;
  readonly reason: string;
  readonly change: (pod: Pod) => Pod;
}

const node = '/nodejs/bin/node';
const changed =
  (change: (spec: Spec) => Partial<Spec>): Copy['change'] =>
  (pod) => ({ ...pod, spec: { ...pod.spec, ...change(pod.spec) } });
const agent = (change: (container: Container) => Fields): Copy['change'] =>
  changed(({ initContainers }) => ({
    initContainers: initContainers.map((each) =>
      each.name === 'letterlock-agent' ? { ...each, ...change(each) } : each,
    ),
  }));
const volume = (name: string, instead: Fields): Copy['change'] =>
  changed(({ volumes }) => ({ volumes: volumes.map((each) => (each.name === name ? { name, ...instead } : each)) }));

const copies: readonly Copy[] = [
  { name: 'args', title: 'other arguments', change: agent(() => ({ args: ['-e', 'steal()'] })) },
  {
    name: 'command',
    title: 'a program',
    change: agent(() => ({ command: [node, '-e', 'setInterval(() => {}, 1000)'] })),
  },
  {
    name: 'hook',
    title: 'a hook',
    change: agent(() => ({ lifecycle: { postStart: { exec: { command: [node, '--version'] } } } })),
  },
  {
    name: 'probe',
    title: 'another probe',
    change: agent(({ startupProbe }) => ({
      startupProbe: { ...(startupProbe as Fields), exec: { command: [node, '-e', 'setTimeout(() => {}, 1000)'] } },
    })),
  },
  {
    name: 'variable',
    title: 'one variable more',
    change: agent(({ env = [] }) => ({ env: [...env, { name: 'NODE_OPTIONS', value: '--no-warnings' }] })),
  },
  {
    name: 'variables',
    title: 'variables from a ConfigMap',
    change: agent(() => ({ envFrom: [{ configMapRef: { name: 'mine', optional: true } }] })),
  },
  {
    name: 'mount',
    title: 'one mount more',
    change: (pod: Pod) =>
      agent(({ volumeMounts }) => ({ volumeMounts: [...volumeMounts, { name: 'mine', mountPath: '/mine' }] }))(
        changed(({ volumes }) => ({ volumes: [...volumes, { name: 'mine', emptyDir: {} }] }))(pod),
      ),
  },
  { name: 'input', title: 'an input', change: agent(() => ({ stdin: true })) },
].map((copy) => ({ ...copy, title: `a genuine agent with ${copy.title}`, reason: 'agent_container' }));

const volumes: readonly Copy[] = [
  {
    name: 'disk',
    title: 'a genuine agent that delivers to a disk',
    reason: 'agent_volumes',
    change: volume('letterlock-secrets', { emptyDir: {} }),
  },
  {
    name: 'trust',
    title: 'a genuine agent with trust of one’s own',
    reason: 'agent_volumes',
    change: volume('letterlock-trust', { configMap: { name: 'mine', optional: true } }),
  },
];
const all = [...copies, ...volumes];
const unchanged = 'unchanged';
/** A copy that nothing is changed of before it runs. */
const exchanged = 'exchanged';

/** A pod that can be created as this one was when it had been injected. */
function creatable(given: Pod): Pod {
  const { labels, annotations } = given.metadata;
  const { nodeName: _node, ...spec } = given.spec;
  const isWritten = ({ name }: Named): boolean => !name.startsWith('kube-api-access-');
  const withoutToken = (container: Container): Container => ({
    ...container,
    volumeMounts: container.volumeMounts.filter(isWritten),
  });
  return {
    metadata: { namespace: ci, labels, annotations },
    spec: {
      ...spec,
      containers: spec.containers.map(withoutToken),
      initContainers: spec.initContainers.map(withoutToken),
      volumes: spec.volumes.filter(isWritten),
    },
  };
}

const enrolIn = async (world: World, pod: string): Promise<string | undefined> => {
  using thief = await Thief.in(world, placeIn(pod));
  return await refusalOf(() => thief.enrol(mintToken(world, { namespace: ci, pod }, audiences.enrol)));
};

async function refusedIn(world: World, pod: string, reason: string): Promise<void> {
  const lines = new NewLines(world, serviceNamespace);
  const code = await enrolIn(world, pod);
  if (code === undefined) throw new Error('token accepted');
  if (code !== 'denied') throw new Error(`The service answered ${code}, not denied`);
  await lines.demandRefusal(reason);
  writes.demandNoOther(world);
}

export const steps: readonly Step[] = [
  {
    title: 'the webhook steps aside, and the pod of the victim is copied with one change each',
    seconds: 300,
    async run(world) {
      world.kubectl('delete mutatingwebhookconfiguration letterlock-injector');
      const genuine = creatable(world.read(`-n ${ci} pod victim`) as Pod);
      const named = (name: string, { metadata, spec }: Pod): object => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...metadata, name },
        spec,
      });
      const same = [unchanged, exchanged].map((name) => named(name, genuine));
      const pods = [...same, ...all.map(({ name, change }) => named(name, change(genuine)))];
      // The API server hears of it in its own time: until then the webhook would write over the changes, or refuse the copies.
      await world.eventually('the webhook was still asked', async () => {
        const [intruder] = intruders;
        return intruder!.run(world, await world.image('app')).status === 0;
      });
      world.apply(pods);
      for (const name of [unchanged, exchanged, ...all.map((copy) => copy.name)]) await untilAgentRuns(world, name);
    },
  },
  {
    title: 'a copy that nothing was changed of is let in',
    seconds: 120,
    async run(world) {
      const code = await enrolIn(world, unchanged);
      if (code !== undefined) throw new Error(`It was refused: ${code}`);
    },
  },
  ...all.map(({ name, title, reason }): Step => ({
    title: `refused: ${title}`,
    isRow: true,
    seconds: 120,
    run: (world) => refusedIn(world, name, reason),
  })),
  {
    title: 'refused: an agent whose image was exchanged, past the guard',
    isRow: true,
    seconds: 120,
    async run(world) {
      const image = await world.image('app');
      await withoutGuard(world, 'live-edit', async () => {
        const words = ['-n', ci, 'set', 'image', `pod/${exchanged}`, `letterlock-agent=${image}`];
        await world.eventually('the guard still held', () => world.tryKubectl(words).status === 0);
      });
      endAgent(world, exchanged);
      const path = '{.status.initContainerStatuses[?(@.name=="letterlock-agent")]}';
      await world.eventually('the other image did not run', () => {
        const said = world.kubectl(['-n', ci, 'get', 'pod', exchanged, '-o', `jsonpath=${path}`]);
        const { image: found, state } = JSON.parse(said) as { readonly image: string; readonly state: object };
        return found.includes(image) && 'running' in state;
      });
      await refusedIn(world, exchanged, 'agent_container');
    },
  },
  ...intruders.map(({ title, run }): Step => ({
    title: `let in without the webhook: ${title}`,
    isRow: true,
    async run(world) {
      const { status, stderr } = run(world, await world.image('app'));
      if (status !== 0) throw new Error(`still refused: ${stderr}`);
    },
  })),
  {
    title: 'let in without the webhook: a copy of an injected pod, made by kubectl debug',
    isRow: true,
    async run(world) {
      const { status, stderr } = copyOf(world, await world.image('app'));
      if (status !== 0) throw new Error(`still refused: ${stderr}`);
      world.kubectl(`-n ${ci} delete pod copy --wait=false`);
    },
  },
];
