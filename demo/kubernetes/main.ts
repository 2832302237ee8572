/**
 * `make demo-kubernetes`: the main job on a real cluster: install, bind, write with two factors, receive a file, three refusals.
 * It must never claim what it did not check, nor touch what was in the cluster before.
 * @module
 */
import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withWorld } from '../../e2e/run/open-world.ts';
import type { World } from '../../e2e/run/world.ts';
import { chapter, fact, print } from '../stage.ts';
import { showRefusals } from './refusals.ts';
import { Typist } from './terminal.ts';

const { KUBECONFIG: kubeconfig, LETTERLOCK_CLUSTER: keptName } = process.env as Readonly<
  Record<string, string | undefined>
>;
const root = join(import.meta.dirname, '../..');
const namespaces = ['letterlock-system', 'shop', 'ci'] as const;
const started = Date.now();

async function demonstrate(world: World): Promise<void> {
  refuseToMeddle(world);
  const hadDefinitions = world.tryKubectl('get crd secretbindings.letterlock.dev').status === 0;
  try {
    chapter('A cluster');
    new Typist(world, 'platform').type('kubectl get nodes');
    await install(world);
    await showMainJob(world);
  } finally {
    chapter('Leaving nothing behind');
    removeAll(world, hadDefinitions);
  }
  print(`
Done in ${Math.round((Date.now() - started) / 1000)} s. What to try next:
  docs/guide/kubernetes-install.md      the same on your cluster, in five minutes
  docs/guide/for-applications.md        annotations, templates, updates, Jobs, why a pod waits
  docs/guide/for-writers.md             pods, pipelines outside the cluster, generated passwords
  LETTERLOCK_CLUSTER=mine make e2e STORY=03-deliver    more of the same, on a cluster that stays
  docs/security.md                      what the guards hold, and what nothing holds`);
}

/** Of the service there is one in a cluster. */
function refuseToMeddle(world: World): void {
  const found = world.tryKubectl(['get', 'namespaces', ...namespaces, '--ignore-not-found', '-o', 'name']);
  if (found.status !== 0) throw new Error(`Cannot use the cluster: ${found.stderr}`);
  const servers = world.kubectl('get statefulsets -A -l app.kubernetes.io/name=letterlock -o name').trim();
  if (found.stdout.trim() !== '' || servers !== '')
    throw new Error(
      `Cannot show it here: the cluster has ${`${found.stdout} ${servers}`.trim().split(/\s+/).join(', ')}`,
    );
}

async function install(world: World): Promise<void> {
  chapter('The platform team installs: keys of two admins, a values file, one command');
  // Made and imported before the first command is shown.
  const [server, , digest] = [await world.image('server'), await world.image('app'), await world.imageDigest('agent')];
  const registry = server.slice(0, server.lastIndexOf('/'));
  cpSync(join(root, 'charts'), join(world.folder, 'charts'), { recursive: true });
  const platform = new Typist(world, 'platform');
  platform.type(
    `letterlock quickstart --mode transient --admins anna ben --registry ${registry} --agent-digest ${digest}`,
  );
  platform.type(
    `helm install letterlock charts/letterlock --namespace letterlock-system --create-namespace \\
  --values letterlock-values.yaml --take-ownership --wait --timeout 120s | head -3`,
    {
      seconds: 130,
    },
  );
  await world.eventually('the API server was not told whom to trust', () => isInjecting(world));
  platform.type('kubectl letterlock doctor', { seconds: 100 });
}

function isInjecting(world: World): boolean {
  const words = 'get mutatingwebhookconfiguration letterlock-injector -o jsonpath={.webhooks[*].clientConfig.caBundle}';
  return world.kubectl(words).split(' ').filter(Boolean).length === 2;
}

async function showMainJob(world: World): Promise<void> {
  const image = await world.image('app');
  for (const [name, file] of [
    ['orders-db.yaml', 'orders-db.yaml'],
    ['orders.yaml', 'orders.yaml'],
    ['writer-a.yaml', 'writer.yaml'],
    ['writer-b.yaml', 'writer.yaml'],
  ] as const) {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8').replace('APP_IMAGE', image);
    writeFileSync(join(world.folder, name), text.replace('WRITER_NAME', name.replace('.yaml', '')));
  }
  copyFileSync(join(import.meta.dirname, 'write.sh'), join(world.folder, 'write.sh'));
  const [shop, ci] = [new Typist(world, 'shop'), new Typist(world, 'ci')];

  chapter('The application team: one SecretBinding, and one annotation in the Deployment');
  shop.type(
    'kubectl create namespace shop; kubectl label namespace shop pod-security.kubernetes.io/enforce=restricted',
  );
  shop.type('kubectl -n shop create serviceaccount orders');
  shop.type('cat orders-db.yaml');
  shop.type('kubectl apply -f orders-db.yaml -f orders.yaml');
  shop.type('kubectl -n shop wait --for=condition=Ready secretbinding/orders-db --timeout=30s');
  await world.eventually('no event said why', () => reasons(world).includes('NotWritten'));
  shop.type(
    'kubectl -n shop get events --field-selector reason=NotWritten -o custom-columns=REASON:.reason,MESSAGE:.message',
  );
  fact(readyReplicas(world) === '', 'no pod has started its application: nothing is written yet, and an event says so');

  chapter('A writer pod makes a password, and writes it with both factors');
  ci.type('kubectl create namespace ci; kubectl label namespace ci pod-security.kubernetes.io/enforce=restricted');
  ci.type('kubectl -n ci create serviceaccount deployer');
  ci.type('kubectl apply -f writer-a.yaml -f writer-b.yaml');
  ci.type('kubectl -n ci wait --for=condition=Ready pod/writer-a pod/writer-b --timeout=50s');
  ci.type('cat write.sh');
  const written = ci.type('kubectl -n ci exec -i writer-a -c app -- sh < write.sh').stdout;
  const hash = /^[0-9a-f]{64}/.exec(written)?.[0];
  fact(
    written.includes('HTTP 201') && hash !== undefined,
    'stored: certificate of the sidecar and token of the application',
  );

  chapter('The Deployment receives it as a file that its own uid reads');
  shop.type('kubectl -n shop rollout status deployment/orders --timeout=60s', { seconds: 70 });
  const said = shop.type(`kubectl -n shop exec deploy/orders -c app -- sh -c '
  id -u; stat -L -c "mode %a, group %g" /run/letterlock/db/password; sha256sum < /run/letterlock/db/password'`).stdout;
  fact(said.startsWith('1000\nmode 440, '), 'uid 1000 reads it under Pod Security restricted, and its mode is 0440');
  fact(said.includes(hash!), 'it is the password that the writer made; this terminal has never seen it');
  await world.eventually('not both pods were said to have opened it', () => phases(world) === 'Opened Opened');
  await world.eventually('the status did not name the writer', () => statusOf(world).includes('deployer'));
  const shown = shop.type('kubectl -n shop get lsb,lsr').stdout;
  fact(shown.includes('deployer'), 'kubectl says who wrote, and which pods opened it');
  showRefusals({ world, ci, hash: hash! });
}

const reasons = (world: World): string => world.kubectl('-n shop get events -o jsonpath={.items[*].reason}');
const readyReplicas = (world: World): string =>
  world.kubectl('-n shop get deployment orders -o jsonpath={.status.readyReplicas}');
const statusOf = (world: World): string => world.kubectl('-n shop get lsb orders-db -o jsonpath={.status}');
const phases = (world: World): string => world.kubectl('-n shop get lsr -o jsonpath={.items[*].status.phase}');

function removeAll(world: World, hadDefinitions: boolean): void {
  const platform = new Typist(world, 'platform');
  platform.type('kubectl delete namespace shop ci --ignore-not-found --timeout=60s', { seconds: 70 });
  platform.type('helm uninstall letterlock --namespace letterlock-system --ignore-not-found --wait --timeout 60s', {
    seconds: 70,
  });
  const definitions = 'secretbindings.letterlock.dev secretrecipients.letterlock.dev';
  if (!hadDefinitions) platform.type(`kubectl delete crd ${definitions} --ignore-not-found`);
  platform.type('kubectl delete namespace letterlock-system --ignore-not-found --timeout=60s', { seconds: 70 });
}

try {
  // An empty variable is none.
  await withWorld({ kubeconfig: kubeconfig || undefined, keptName: keptName || undefined, print }, demonstrate);
} catch (error) {
  print(`\nThe demonstration ended: ${(error as Error).message}`);
  process.exitCode = 1;
}
