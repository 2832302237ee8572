/**
 * Bindings and pods for what one pod alone may open, and for the other ways of receiving.
 * It must never differ from what an application's team would write.
 * @module
 */
import { podSpec, tokenPath } from '../run/workloads.ts';
import type { Outcome, World } from '../run/world.ts';
import { ci, shop } from './workloads.ts';

const inject = { 'letterlock.dev/inject': 'true' };
const deployer = { namespace: ci, name: 'deployer', secrets: ['*'] };

function binding(name: string, spec: object): object {
  return {
    apiVersion: 'letterlock.dev/v1alpha1',
    kind: 'SecretBinding',
    metadata: { name, namespace: shop },
    spec: { writers: { serviceAccounts: [deployer] }, ...spec },
  };
}

/** `licence`: one secret, which one pod of ServiceAccount `single` opens. */
export const onceBinding: object = binding('licence', {
  workload: { serviceAccountNames: ['single'] },
  secrets: [{ name: 'token', keys: ['value'], opens: 'Once', ttl: '1h' }],
});

/** `formats`: every filter of templates, and a call of the application when its files change. */
export const formatsBinding: object = binding('formats', {
  workload: { serviceAccountNames: ['formats'] },
  secrets: [
    {
      name: 'db',
      keys: ['password'],
      files: [
        { path: 'url', template: 'pg://orders:<< .password | urlencode >>@db/orders' },
        { path: 'base64', template: '<< .password | base64 >>' },
        { path: 'json', template: '{"password":<< .password | json >>}' },
        { path: 'shell', template: 'PASSWORD=<< .password | shellquote >>' },
        { path: 'env', format: 'dotenv', perms: '0444' },
      ],
    },
  ],
  delivery: { onUpdate: { action: 'HTTP', port: 8080, path: '/reload' } },
});

export function pod(image: string, name: string, o: { readonly account: string; readonly command?: string[] }): object {
  const metadata = { name, namespace: shop, annotations: inject };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec(image, o.account, o.command) };
}

/** A server that says each call that it gets. */
export const callsLogged = [
  'node',
  '-e',
  `require('node:http').createServer((q, s) => { console.log(q.method, q.url); s.writeHead(204).end(); }).listen(8080);
   process.on('SIGTERM', () => process.exit(0));`,
];

/** A Job whose agent ends before the application starts. */
export function jobWithInitAgent(image: string, name: string): object {
  const spec = podSpec(image, 'orders', ['sh', '-c', 'cat /run/letterlock/db/password']);
  const annotations = { ...inject, 'letterlock.dev/agent': 'init' };
  const template = { metadata: { annotations }, spec: { ...spec, restartPolicy: 'Never' } };
  const metadata = { name, namespace: shop };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { backoffLimit: 0, template } };
}

/** The writer's pod writes values into a secret of one of these bindings. @returns body and HTTP status */
export function writeTo(world: World, of: string, secret: string, values: object): Outcome {
  const url = `http://localhost/v1/bindings/${shop}/${of}/secrets/${secret}`;
  const token = `-H "Letterlock-Writer-Token: $(cat ${tokenPath})"`;
  const curl = `curl -s -w ' %{http_code}' -X PUT --unix-socket /run/letterlock/agent.sock`;
  const script = `${curl} -H 'Content-Type: application/json' ${token} --data-binary @- ${url}`;
  const words = ['-n', ci, 'exec', '-i', 'writer', '-c', 'app', '--', 'sh', '-c', script];
  return world.tryKubectl(words, { input: JSON.stringify(values) });
}

/** Again and again until it is taken: a binding that was just made has no key for a moment. */
export async function demandWriteTo(world: World, of: string, secret: string, values: object): Promise<void> {
  let last: Outcome | undefined;
  try {
    await world.eventually('it was not written', () => {
      last = writeTo(world, of, secret, values);
      return last.stdout.endsWith(' 201');
    });
  } catch {
    throw new Error(`The write was answered ${last?.stdout}${last?.stderr}`);
  }
}

/** A file of a pod, undefined before it is there. */
export function fileIn(world: World, name: string, path: string): string | undefined {
  const { status, stdout } = world.tryKubectl(`-n ${shop} exec ${name} -c app -- cat /run/letterlock/${path}`);
  return status === 0 ? stdout : undefined;
}

/** Lines of a pod's agent that say something. */
export function agentLines(world: World, name: string): readonly Readonly<Record<string, unknown>>[] {
  const { stdout } = world.tryKubectl(`-n ${shop} logs ${name} -c letterlock-agent`);
  return stdout
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []));
}
