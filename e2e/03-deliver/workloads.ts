/**
 * Who writes and who reads in this story, and how they do it.
 * It must never use more than what an application has: files, the socket, and its own token.
 * @module
 */
import type { Outcome, World } from '../run/world.ts';

export const shop = 'letterlock-deliver-shop';
export const ci = 'letterlock-deliver-ci';
export const tokenPath = '/var/run/secrets/letterlock.dev/writer/token';

const container = (image: string, command: readonly string[]): object => ({
  name: 'app',
  image,
  command,
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
});
// Ends at a signal, so that a container can be made to start again.
const forever = ['sh', '-c', 'trap "exit 1" TERM; while :; do sleep 1; done'];

/** Pod Security `restricted`, uid 1000. */
export function podSpec(image: string, serviceAccountName: string, command: readonly string[] = forever): object {
  return {
    serviceAccountName,
    terminationGracePeriodSeconds: 1,
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container(image, command)],
  };
}

export const account = (namespace: string, name: string): object => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace },
});

/** A pod that may hold a writer's token. */
export function writerPod(image: string, name: string, serviceAccountName: string): object {
  const annotations = { 'letterlock.dev/inject': 'true', 'letterlock.dev/writer': 'true' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: ci, annotations },
    spec: podSpec(image, serviceAccountName),
  };
}

export const bindingObject: object = {
  apiVersion: 'letterlock.dev/v1alpha1',
  kind: 'SecretBinding',
  metadata: { name: 'orders-db', namespace: shop },
  spec: {
    workload: { serviceAccountNames: ['orders'] },
    secrets: [
      {
        name: 'db',
        keys: ['username', 'password'],
        files: [{ path: 'db/password', key: 'password', perms: '0440' }],
      },
    ],
    writers: { serviceAccounts: [{ namespace: ci, name: 'deployer', secrets: ['db'] }] },
  },
};

export function deployment(image: string, replicas: number): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'orders', namespace: shop },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'orders' } },
      template: {
        metadata: { labels: { app: 'orders' }, annotations: { 'letterlock.dev/inject': 'true' } },
        spec: podSpec(image, 'orders'),
      },
    },
  };
}

/** A write as an application makes it. Shape of token: what the header holds; empty: no header. @returns HTTP status and body */
export function write(world: World, pod: string, password: string, token = `$(cat ${tokenPath})`): Outcome {
  const header = token === '' ? '' : `-H "Letterlock-Writer-Token: ${token}"`;
  const url = `http://localhost/v1/bindings/${shop}/orders-db/secrets/db`;
  const body = JSON.stringify({ username: 'orders', password });
  const curl = `curl -s -w ' %{http_code}' -X PUT --unix-socket /run/letterlock/agent.sock`;
  const script = `${curl} -H 'Content-Type: application/json' ${header} --data-binary @- ${url}`;
  return world.tryKubectl(['-n', ci, 'exec', '-i', pod, '-c', 'app', '--', 'sh', '-c', script], { input: body });
}

export function demandWrite(world: World, pod: string, password: string): void {
  const { stdout, stderr } = write(world, pod, password);
  if (!stdout.endsWith(' 201')) throw new Error(`The write was answered ${stdout}${stderr}`);
}

/** What a pod finds in the file, undefined before it is there. */
export function passwordIn(world: World, pod: string): string | undefined {
  const { status, stdout } = world.tryKubectl(`-n ${shop} exec ${pod} -c app -- cat /run/letterlock/db/password`);
  return status === 0 ? stdout : undefined;
}
