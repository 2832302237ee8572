/**
 * The API server is away for a minute: what runs goes on, nothing is accepted that it would have to vouch for, and the service
 * recovers by itself.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { demandWrite, everyPodHas, readers, runningPods, write, writeCommand } from '../run/workloads.ts';
import { ci, demandSameServer, other, ownClusterStep, service, shop, writeOf, writers } from './outages.ts';

const outageMilliseconds = 60_000;
/** The service believes a review of a token for 10 s. */
const reviewMilliseconds = 10_000;

const leaseOf = (world: World): { readonly holder: string; readonly renewed: string } => {
  const { spec } = world.read(`lease letterlock-controller -n ${service}`) as {
    readonly spec: { readonly holderIdentity: string; readonly renewTime: string };
  };
  return { holder: spec.holderIdentity, renewed: spec.renewTime };
};

const containerOf = (world: World, namespace: string, pod: string): string =>
  world.kubectl(`-n ${namespace} get ${pod} -o jsonpath={.status.containerStatuses[?(@.name=="app")].containerID}`);

const readCommand = ['cat', '/run/letterlock/db/password'];
const socketCommand = [
  'curl',
  '-s',
  '-w',
  '%{http_code}',
  '-o',
  '/dev/null',
  '--unix-socket',
  '/run/letterlock/agent.sock',
  'http://localhost/v1/secrets/orders-db/db',
];

/** Writes without the API server's help. @returns the HTTP status */
function writeInside(world: World, container: string, password: string): string {
  const { words, input } = writeCommand({ to: shop, password });
  return world.runInContainer(container, words, { input }).slice(-3);
}

async function outage(world: World): Promise<void> {
  const readerContainers = runningPods(world, shop).map((pod) => containerOf(world, shop, pod));
  const writer = containerOf(world, ci, `pod/${writers[shop]}`);
  const server = world.kubectl(`-n ${service} get pod letterlock-server-0 -o jsonpath={.status.podIP}`);
  const every = (what: string, isSo: (container: string) => boolean): Promise<void> =>
    world.eventually(what, () => readerContainers.every(isSo), 30);
  const has = (password: string) => (container: string) => world.runInContainer(container, readCommand) === password;

  demandWrite(world, writeOf(shop, 'before-outage'));
  await every('the write did not arrive', has('before-outage'));
  const started = Date.now();
  world.stop('kube-apiserver');
  try {
    if (world.tryKubectl('get nodes --request-timeout=2s').status === 0)
      throw new Error('The API server still answers');
    // The token was reviewed a moment ago, so this write needs nobody; and neither do the reads that follow it.
    if (Date.now() - started < reviewMilliseconds / 2) {
      const status = writeInside(world, writer, 'in-outage');
      if (status !== '201') throw new Error(`A write with a token that was reviewed is answered ${status}`);
      await every('an update did not arrive without the API server', has('in-outage'));
    } else world.note('the machine is too slow to write while the review counts');
    await every('a socket did not answer', (container) => world.runInContainer(container, socketCommand) === '200');

    await pause(Math.max(0, started + outageMilliseconds - Date.now()));
    const late = writeInside(world, writer, 'unreviewed');
    if (late !== '503') throw new Error(`A write whose token nobody reviewed is answered ${late}`);
    for (const container of readerContainers) {
      const found = world.runInContainer(container, readCommand);
      if (found === 'unreviewed' || found === '') throw new Error(`A reader has ${JSON.stringify(found)}`);
      if (world.runInContainer(container, socketCommand) !== '200') throw new Error('A socket does not answer');
    }
    const { status } = await fetch(`http://${server}:9090/readyz`, { signal: AbortSignal.timeout(5000) });
    if (status !== 200) throw new Error(`The server says ${status}`);
    world.note(`away for ${Math.round((Date.now() - started) / 1000)} s`);
  } finally {
    await world.start('kube-apiserver');
  }
}

export const steps: readonly Step[] = [
  ownClusterStep({
    title: 'for a minute without the API server pods keep their files, read, and are refused what it must vouch for',
    seconds: 150,
    run: outage,
  }),
  ownClusterStep({
    title: 'the Lease is taken again, by the same server',
    seconds: 90,
    async run(world) {
      const { renewed } = leaseOf(world);
      await world.eventually('the Lease was not renewed', () => {
        const now = leaseOf(world);
        return now.holder === 'letterlock-server-0' && now.renewed !== renewed;
      });
    },
  }),
  ownClusterStep({
    title: 'the node is Ready again, and nothing on it was started anew',
    seconds: 120,
    run(world) {
      world.kubectl('wait --for=condition=Ready node --all --timeout=100s', { seconds: 110 });
      demandSameServer(world);
    },
  }),
  ownClusterStep({
    title: 'watches have found their place: a binding that is made now becomes Ready',
    seconds: 90,
    async run(world) {
      const binding = {
        apiVersion: 'letterlock.dev/v1alpha1',
        kind: 'SecretBinding',
        metadata: { name: 'afterwards', namespace: other },
        spec: { workload: { serviceAccountNames: ['late'] }, secrets: [{ name: 'db', keys: ['password'] }] },
      };
      world.apply([binding]);
      await world.eventually(
        'the binding was not reconciled',
        () =>
          world.tryKubectl(`-n ${other} wait --for=condition=Ready secretbinding/afterwards --timeout=2s`).status === 0,
        80,
      );
      world.kubectl(`-n ${other} delete secretbinding afterwards --timeout=30s`);
    },
  }),
  ownClusterStep({
    title: 'writes are accepted again, pods that start are injected and enrol, and nobody was restarted',
    seconds: 120,
    async run(world) {
      await world.eventually('the write was refused', () =>
        write(world, writeOf(shop, 'after-outage')).stdout.endsWith(' 201'),
      );
      world.apply([readers(await world.image('app'), shop, { replicas: 4 })]);
      await everyPodHas(world, { namespace: shop, count: 4, password: 'after-outage', seconds: 90 });
      const path = '{.items[*].status.initContainerStatuses[*].restartCount}';
      const restarts = world.kubectl(`-n ${shop} get pods -l app=orders -o jsonpath=${path}`);
      if (restarts !== '0 0 0 0') throw new Error(`Agents were started again: ${restarts}`);
      demandSameServer(world);
    },
  }),
];
