/**
 * `kubectl letterlock` as a program, with a kubectl on PATH that answers from objects.
 * @module
 */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { metadata, soundCluster, writeFakeKubectl, type FakeCluster } from '../testing/fake-cluster.ts';
import { finish, makeHome, program, startProgram, words, type Home, type Ran } from '../testing/run-cli.ts';

const plugin = join(dirname(program), 'kubectl-letterlock');
const sound = soundCluster(1_800_000_000);
const shop = { namespace: 'shop' };
const orders = {
  metadata: { name: 'orders-1', ...shop, labels: { app: 'orders', 'letterlock.dev/inject': 'true' } },
  spec: { serviceAccountName: 'orders', initContainers: [{ name: 'letterlock-agent' }] },
  status: {
    phase: 'Pending',
    initContainerStatuses: [
      { name: 'letterlock-agent', ready: false, started: false, restartCount: 2, state: { running: {} } },
    ],
  },
};
const plain = { metadata: { name: 'plain', ...shop }, spec: { serviceAccountName: 'orders' } };
const binding = {
  ...metadata('orders-db', shop),
  spec: { workload: { serviceAccountNames: ['orders'], podSelector: { matchLabels: { app: 'orders' } } } },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Populated', status: 'False', reason: 'NotWritten', message: 'db was never written' },
    ],
  },
};
const cluster: FakeCluster = {
  ...sound,
  objects: {
    ...sound.objects,
    pods: [orders, plain],
    pod: [orders, plain],
    namespace: [metadata('shop')],
    'secretrecipients.letterlock.dev': [{ ...metadata('orders-1', shop), status: { phase: 'AwaitingWrite' } }],
    'secretbindings.letterlock.dev': [binding],
    events: [{ type: 'Warning', reason: 'NotWritten', message: 'write it with: letterlock secret write' }],
  },
};

let home: Home;
let log: string;

beforeEach(() => {
  home = makeHome();
  log = writeFakeKubectl(home.path('bin'), cluster).words;
});

afterEach(() => home[Symbol.dispose]());

function run(line: string): Promise<Ran> {
  const environment = { PATH: `${home.path('bin')}:${process.env['PATH'] ?? ''}` };
  return finish(startProgram(plugin, words(line), { home, environment }));
}

describe('kubectl letterlock', () => {
  test('status shows the installation, its mode and its pods', async () => {
    const { status, stdout } = await run('status');
    expect(status).toBe(0);
    expect(stdout).toContain('transient: a restart empties it');
    expect(stdout).toContain('1 of 1');
  });

  test('pods lists those with an agent, and how far it is', async () => {
    const { stdout } = await run('pods -o json');
    expect(JSON.parse(stdout)).toEqual({
      pods: [
        {
          namespace: 'shop',
          name: 'orders-1',
          agent: 'waiting for its secrets',
          phase: 'AwaitingWrite',
          restarts: 2,
        },
      ],
    });
  });

  test('explain says why a pod waits', async () => {
    const { stdout } = await run('explain pod orders-1 -n shop');
    expect(stdout).toContain('yes, by its label letterlock.dev/inject=true');
    expect(stdout).toContain('Populated: NotWritten: db was never written');
    expect(stdout).not.toContain('Ready:');
    expect(stdout).toContain('write it with: letterlock secret write');
  });

  test('explain says that a pod does not ask, and that no binding selects it', async () => {
    const { stdout } = await run('explain pod plain -n shop');
    expect(stdout).toContain('no: set the label or annotation letterlock.dev/inject');
    expect(stdout).toContain('none of 1 in shop names this ServiceAccount and these labels');
  });

  test('doctor fails where a guard was not tried, and names the checks', async () => {
    const { status, stdout } = await run('doctor -o json');
    const { checks } = JSON.parse(stdout) as { readonly checks: readonly { readonly check: string }[] };
    expect(checks.map(({ check }) => check)).toContain('tokens');
    expect(status).toBe(1);
  });

  test('hands over the choice of the cluster', async () => {
    await run('status --context other --kubeconfig /k');
    const [first = ''] = readFileSync(log, 'utf8').split('\n');
    expect(first).toMatch(/^--kubeconfig=\/k --context=other get statefulsets /);
  });

  test.each([
    {
      name: 'a pod that does not exist',
      line: 'explain pod other -n shop',
      status: 5,
      message: 'Cannot find that pod',
    },
    { name: 'another kind', line: 'explain job x', status: 2, message: 'Cannot explain that' },
  ])('ends with a reason for $name', async ({ line, status, message }) => {
    const ran = await run(line);
    expect(ran.status).toBe(status);
    expect(ran.stderr).toContain(message);
  });

  test('says when kubectl is missing', async () => {
    // What the script itself needs, and no kubectl of this machine.
    mkdirSync(home.path('tools'));
    for (const name of ['dirname', 'readlink', 'env', 'sh'])
      symlinkSync(`/usr/bin/${name}`, home.path(`tools/${name}`));
    // The program may run on this very Node, where setup has brought none.
    symlinkSync(process.execPath, home.path('tools/node'));
    const environment = { PATH: home.path('tools') };
    const ran = await finish(startProgram(plugin, ['status'], { home, environment }));
    expect(ran.stderr).toContain('Cannot run kubectl: it is not installed');
  });
});
