/**
 * The chart installs, durable, with an etcd of its own; the admins initialise it from their computers, and all three replicas serve.
 * @module
 */
import { namespaceObject, webhookTrusted } from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import { plainPod } from '../run/workloads.ts';
import {
  admins,
  bootOf,
  demandAsAdmin,
  durableValues,
  everyServerReady,
  helm,
  inside,
  members,
  podsOf,
  servers,
} from './installation.ts';
import { ci, shop } from './workloads.ts';

export const steps: readonly Step[] = [
  {
    title: 'the images of server, agent, application and etcd are made and imported',
    seconds: 240,
    async run(world) {
      for (const name of ['server', 'agent', 'app', 'etcd'] as const) world.note(await world.image(name));
    },
  },
  {
    title: 'helm installs the chart, durable, for three admins of whom two unseal',
    seconds: 120,
    run: async (world) => helm(world, 'install --take-ownership', await durableValues(world)),
  },
  {
    title: 'three members of etcd find each other, with certificates that no Helm has seen',
    seconds: 130,
    run: (world) => {
      world.kubectl(`${inside} rollout status statefulset/letterlock-etcd --timeout=120s`, { seconds: 125 });
      const bound = world.kubectl(`${inside} get pvc -o jsonpath={.items[*].status.phase}`);
      if (bound !== members.map(() => 'Bound').join(' ')) throw new Error(`The claims are ${bound}`);
    },
  },
  {
    title: 'the servers run, wait for an admin, and meanwhile pods that ask are refused with the reason',
    seconds: 120,
    async run(world) {
      await world.eventually(
        'not every server waited for its initialisation',
        () =>
          servers.every((pod) => {
            const { stdout } = world.tryKubectl(`${inside} logs ${pod}`);
            return stdout.includes('"state":"uninitialised"');
          }),
        90,
      );
      const ready = podsOf(world, 'server').filter(({ isReady }) => isReady);
      if (ready.length > 0) throw new Error(`${ready.length} servers are Ready`);
      await webhookTrusted(world);
      world.apply([namespaceObject(shop), namespaceObject(ci)]);
      const pod = plainPod(await world.image('app'), shop, 'early', { 'letterlock.dev/inject': 'true' });
      const { status, stderr } = world.tryKubectl('create -f -', { input: JSON.stringify(pod) });
      if (status === 0 || !stderr.includes('uninitialised')) throw new Error(`The pod was answered ${stderr}`);
    },
  },
  {
    title: 'anna initialises the first replica, by the boot fingerprint in its log',
    seconds: 90,
    async run(world) {
      const boot = bootOf(world, servers[0]);
      const words = `init --certificates anna.crt ben.crt carla.crt --threshold 2 --boot ${boot} -o json`;
      const said = await demandAsAdmin(world, 'anna', words, { pods: [servers[0]] });
      const fingerprint = /"fingerprint": ?"([A-Za-z0-9_-]{43})"/.exec(said)?.[1];
      if (fingerprint === undefined) throw new Error(said);
      world.facts.set('fingerprint', fingerprint);
    },
  },
  {
    title: 'the others are unsealed by it, and all three are Ready',
    seconds: 100,
    run: (world) => everyServerReady(world),
  },
  {
    title: 'every admin checks the share, each on a computer that knows the fingerprint and nothing else',
    seconds: 150,
    async run(world) {
      const fingerprint = world.facts.get('fingerprint')!;
      for (const admin of admins) {
        await demandAsAdmin(world, admin, `trust add --trust ${fingerprint}`);
        const others = admins.filter((other) => other !== admin).map((other) => `${other}.crt`);
        await demandAsAdmin(world, admin, `share check --certificates ${others.join(' ')}`);
      }
    },
  },
  {
    title: 'every admin pins the cluster, which says of each process whose pod it is',
    seconds: 120,
    async run(world) {
      const image = await world.imageDigest('server');
      for (const admin of admins) await demandAsAdmin(world, admin, `trust cluster --image ${image}`);
    },
  },
];
