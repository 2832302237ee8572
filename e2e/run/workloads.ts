/**
 * Who writes and who reads in stories, and how they do it.
 * It must never use more than what an application has: files, the socket, and its own token.
 * @module
 */
import type { Outcome, World } from './world.ts';

export const tokenPath = '/var/run/secrets/letterlock.dev/writer/token';
const inject = { 'letterlock.dev/inject': 'true' };

// Ends at a signal, so that a container can be made to start again.
const forever = ['sh', '-c', 'trap "exit 1" TERM; while :; do sleep 1; done'];

/** Pod Security `restricted`, uid 1000. */
export function podSpec(image: string, serviceAccountName: string, command: readonly string[] = forever): object {
  const container = {
    name: 'app',
    image,
    command,
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  };
  return {
    serviceAccountName,
    terminationGracePeriodSeconds: 1,
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container],
  };
}

export function account(namespace: string, name: string): object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
}

/** A pod that asks for nothing of ours. */
export function plainPod(image: string, namespace: string, name: string, annotations: object = {}): object {
  const spec = podSpec(image, 'default');
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, annotations }, spec };
}

/** A pod that may hold a writer's token. */
export function writerPod(image: string, namespace: string, name: string, serviceAccountName: string): object {
  const annotations = { ...inject, 'letterlock.dev/writer': 'true' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, annotations },
    spec: podSpec(image, serviceAccountName),
  };
}

/** Binding `orders-db` for ServiceAccount `orders` with one secret, `db`. Shape of more: members of its spec. */
export function bindingObject(
  namespace: string,
  writer: { readonly namespace: string; readonly name: string },
  more: object = {},
): object {
  return {
    apiVersion: 'letterlock.dev/v1alpha1',
    kind: 'SecretBinding',
    metadata: { name: 'orders-db', namespace },
    spec: {
      workload: { serviceAccountNames: ['orders'] },
      secrets: [
        {
          name: 'db',
          keys: ['username', 'password'],
          files: [{ path: 'db/password', key: 'password', perms: '0440' }],
        },
      ],
      writers: { serviceAccounts: [{ ...writer, secrets: ['db'] }] },
      ...more,
    },
  };
}

/** Deployment or StatefulSet `name` whose pods are orders: label `app`, ServiceAccount `orders`. */
export function readers(
  image: string,
  namespace: string,
  o: { readonly kind?: 'Deployment' | 'StatefulSet'; readonly name?: string; readonly replicas: number },
): object {
  const { kind = 'Deployment', name = 'orders', replicas } = o;
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      ...(kind === 'StatefulSet' ? { serviceName: name, podManagementPolicy: 'Parallel' } : {}),
      template: { metadata: { labels: { app: name }, annotations: inject }, spec: podSpec(image, 'orders') },
    },
  };
}

/** A Job that reads the file and prints it. */
export function readingJob(image: string, namespace: string, name: string): object {
  const spec = podSpec(image, 'orders', ['sh', '-c', 'cat /run/letterlock/db/password']);
  const template = { metadata: { annotations: inject }, spec: { ...spec, restartPolicy: 'Never' } };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace }, spec: { backoffLimit: 0, template } };
}

export interface Write {
  /** The pod that writes. */
  readonly by: { readonly namespace: string; readonly pod: string };
  /** Namespace of the binding. */
  readonly to: string;
  readonly password: string;
  /** What the header holds, as a shell reads it; empty: no header. Default: the pod's own token. */
  readonly token?: string;
}

/** The shell's words of a write, and what it reads. */
export function writeCommand({ to, password, token = `$(cat ${tokenPath})` }: Omit<Write, 'by'>): {
  readonly words: readonly string[];
  readonly input: string;
} {
  const header = token === '' ? '' : `-H "Letterlock-Writer-Token: ${token}"`;
  const url = `http://localhost/v1/bindings/${to}/orders-db/secrets/db`;
  const curl = `curl -s -w ' %{http_code}' -X PUT --unix-socket /run/letterlock/agent.sock`;
  const script = `${curl} -H 'Content-Type: application/json' ${header} --data-binary @- ${url}`;
  return { words: ['sh', '-c', script], input: JSON.stringify({ username: 'orders', password }) };
}

/** A write as an application makes it. @returns HTTP status and body */
export function write(world: World, o: Write): Outcome {
  const { words, input } = writeCommand(o);
  const { namespace, pod } = o.by;
  return world.tryKubectl(['-n', namespace, 'exec', '-i', pod, '-c', 'app', '--', ...words], { input });
}

export function demandWrite(world: World, o: Write): void {
  const { stdout, stderr } = write(world, o);
  if (!stdout.endsWith(' 201')) throw new Error(`The write was answered ${stdout}${stderr}`);
}

/** Names of the pods that run with this label. Shape: `pod/…`. */
export function runningPods(world: World, namespace: string, app = 'orders'): readonly string[] {
  const words = `-n ${namespace} get pods -l app=${app} --field-selector=status.phase=Running -o name`;
  return world
    .kubectl(words)
    .split('\n')
    .filter((line) => line !== '');
}

/** What a pod finds in the file, undefined before it is there. */
export function passwordIn(world: World, namespace: string, pod: string): string | undefined {
  const { status, stdout } = world.tryKubectl(`-n ${namespace} exec ${pod} -c app -- cat /run/letterlock/db/password`);
  return status === 0 ? stdout : undefined;
}

/** Waits until so many pods run, and each has it. */
export async function everyPodHas(
  world: World,
  o: {
    readonly namespace: string;
    readonly app?: string;
    readonly count: number;
    readonly password: string;
    readonly seconds?: number;
  },
): Promise<void> {
  const { namespace, app = 'orders', count, password, seconds = 60 } = o;
  await world.eventually(
    `not every pod of ${app} had ${password}`,
    () => {
      const pods = runningPods(world, namespace, app);
      return pods.length === count && pods.every((pod) => passwordIn(world, namespace, pod) === password);
    },
    seconds,
  );
}
