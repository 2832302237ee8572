/**
 * What this story has: the service with certificates of two minutes, readers and a writer, and what it counts of them.
 * It must never shorten a time below what the chart takes.
 * @module
 */
import type { AdminPod } from '../run/admin-pod.ts';
import type { World } from '../run/world.ts';
import { demandWrite, everyPodHas } from '../run/workloads.ts';

export const service = 'letterlock-lifetimes';
export const shop = 'letterlock-lifetimes-shop';
export const ci = 'letterlock-lifetimes-ci';
export const admin: AdminPod = { namespace: ci, name: 'admin', service };

/** The next authority is published half a minute after the last one was made, and signs half a minute later. */
export const ca = { leafTTL: '2m', authorityTTL: '15m', renewBefore: '14m30s', overlap: '30s' } as const;
export const leafSeconds = 120;
export const sealedSeconds = 300;

/** Deployments that read → how many pods each. `crashing` is the one whose agents are killed. */
export const readerCounts = { orders: 2, crashing: 1 } as const;

/** The writer writes, and every pod of these Deployments finds it in its file. */
export async function writeAndRead(
  world: World,
  password: string,
  counts: Readonly<Record<string, number>> = readerCounts,
): Promise<void> {
  demandWrite(world, { by: { namespace: ci, pod: 'writer' }, to: shop, password });
  for (const [app, count] of Object.entries(counts))
    await everyPodHas(world, { namespace: shop, app, count, password });
}

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: {
      readonly containerStatuses?: readonly ContainerStatus[];
      readonly initContainerStatuses?: readonly ContainerStatus[];
    };
  }[];
}

export interface ContainerStatus {
  readonly name: string;
  readonly containerID?: string;
  readonly restartCount: number;
  readonly state?: { readonly running?: { readonly startedAt: string } };
}

/** Of the agent of the only pod with this label. */
export function agentOf(world: World, app: string): ContainerStatus {
  const { items } = world.read(`pods -n ${shop} -l app=${app}`) as Pods;
  const [agent] = items[0]?.status.initContainerStatuses ?? [];
  if (items.length !== 1 || agent?.name !== 'letterlock-agent') throw new Error(`Cannot find the agent of ${app}`);
  return agent;
}

/** Restarts of every container of service, readers and writer, the pods apart whose agents this story kills. */
export function restarts(world: World): number {
  const lists = [`-n ${service}`, `-n ${ci}`, `-n ${shop} -l app!=crashing`].map((where) =>
    world.read(`pods ${where}`),
  ) as readonly Pods[];
  return lists
    .flatMap(({ items }) => items)
    .flatMap(({ status }) => [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}

/** Alarms of enrolments: what the server counts, or the events if they are more. */
export function alarms(world: World): number {
  const text = world.kubectl(`get --raw /api/v1/namespaces/${service}/pods/letterlock-server-0:9090/proxy/metrics`);
  const counted = /^letterlock_enrolment_alarms_total (\d+)$/m.exec(text)?.[1];
  if (counted === undefined) throw new Error('The server does not count alarms');
  const words = 'get events -A --field-selector reason=DoubleEnrolment -o name';
  const events = world.kubectl(words).split('\n').filter(Boolean);
  return Math.max(Number(counted), events.length);
}

/** One figure that an agent tells the application of its pod. @throws Error where it does not */
export function figureOf(world: World, namespace: string, pod: string, name: string): number {
  const script = 'curl -s --unix-socket /run/letterlock/agent.sock http://localhost/metrics';
  const text = world.kubectl(['-n', namespace, 'exec', pod, '-c', 'app', '--', 'sh', '-c', script]);
  const found = new RegExp(`^letterlock_agent_${name} (\\d+)$`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`The agent of ${pod} does not tell ${name}`);
  return Number(found);
}

/** What the agent of a pod says of itself on its socket. */
export function healthOf(world: World, pod: string): { readonly stale?: boolean; readonly waiting?: string } {
  const script = 'curl -s --unix-socket /run/letterlock/agent.sock http://localhost/healthz';
  const text = world.kubectl(['-n', shop, 'exec', pod, '-c', 'app', '--', 'sh', '-c', script]);
  return JSON.parse(text) as { readonly stale?: boolean; readonly waiting?: string };
}

/** The bundle that a namespace is given: its number, and how many authorities are trusted. */
export function bundleOf(world: World): { readonly seq: number; readonly authorities: number } {
  const jws = world.kubectl(`-n ${shop} get configmap letterlock-trust -o jsonpath={.data.bundle\\.jws}`);
  const claims = Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8');
  const { seq, certs } = JSON.parse(claims) as { readonly seq: number; readonly certs: readonly string[] };
  return { seq, authorities: certs.length };
}

/** Reads and writes until the bundle has this number. */
export async function useUntil(world: World, seq: number, seconds: number): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  let writes = 0;
  for (let now = bundleOf(world); now.seq < seq; now = bundleOf(world)) {
    if (Date.now() > deadline) throw new Error(`The bundle has number ${now.seq}, need ${seq}`);
    writes += 1;
    await writeAndRead(world, `at-${now.seq}-write-${writes}`);
  }
  world.note(`${writes} writes, each read by every pod, until bundle ${seq}`);
}

/** The agent of `crashing` is killed; its container starts again, and its new key is taken without an alarm. */
export async function crashAgent(world: World): Promise<void> {
  const before = agentOf(world, 'crashing');
  world.killContainer(before.containerID!);
  await world.eventually('the agent was not started again', () => {
    const now = agentOf(world, 'crashing');
    return now.restartCount > before.restartCount && now.state?.running !== undefined;
  });
}
