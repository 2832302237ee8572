/**
 * How much longer a pod takes until it is Ready with the agent than the same pod without it: pods in turn, one at a time.
 * It must never have two of its pods at once.
 * @module
 */
import { createApiClientOf } from '@letterlock/server/testing';
import { podSpec } from '../../e2e/run/workloads.ts';
import { shop } from './bench-cluster.ts';
import { percentile, tableLines } from './figures.ts';
import type { Part, PartOptions } from './part.ts';

type Api = ReturnType<typeof createApiClientOf>;

/** Milliseconds from the request that makes the pod. */
interface Start {
  readonly created: number;
  /** The first container of all runs: with the agent it is the agent's. */
  readonly firstRuns: number;
  readonly appRuns: number;
  readonly ready: number;
}

interface Event {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly resourceVersion: string };
    readonly status: {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
      readonly initContainerStatuses?: readonly Status[];
      readonly containerStatuses?: readonly Status[];
    };
  };
}
interface Status {
  readonly name: string;
  readonly state: { readonly running?: object };
}

const pods = `/api/v1/namespaces/${shop}/pods`;
const kinds = ['without', 'with'] as const;
const limitSeconds = 120;

async function startOne(api: Api, name: string, image: string, isInjected: boolean): Promise<Start> {
  const annotations = isInjected ? { 'letterlock.dev/inject': 'true' } : {};
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, annotations }, spec: podSpec(image, 'orders') };
  const begin = performance.now();
  const made = (await api.ask({ method: 'POST', path: pods, body })) as Event['object'];
  const created = performance.now() - begin;
  let firstRuns: number | undefined;
  let appRuns: number | undefined;
  const query = {
    watch: 'true',
    fieldSelector: `metadata.name=${name}`,
    resourceVersion: made.metadata.resourceVersion,
  };
  const events = api.follow({ method: 'GET', path: pods, query, timeoutSeconds: limitSeconds });
  for await (const event of events as AsyncIterable<Event>) {
    const { conditions = [], initContainerStatuses = [], containerStatuses = [] } = event.object.status;
    const now = performance.now() - begin;
    const runs = ({ state }: Status): boolean => state.running !== undefined;
    if ([...initContainerStatuses, ...containerStatuses].some(runs)) firstRuns ??= now;
    if (containerStatuses.some(runs)) appRuns ??= now;
    if (conditions.some(({ type, status }) => type === 'Ready' && status === 'True'))
      return { created, firstRuns: firstRuns ?? now, appRuns: appRuns ?? now, ready: now };
  }
  throw new Error(`The watch of ${name} ended before it was Ready`);
}

async function run({ cluster, print, pods: count }: PartOptions): Promise<void> {
  const { world, appImage } = await cluster();
  const api = createApiClientOf(world.kubeconfig);
  const starts: Record<(typeof kinds)[number], Start[]> = { with: [], without: [] };
  // The first of each kind warms the node's caches and is not counted.
  for (let index = -1; index < count; index += 1) {
    for (const kind of kinds) {
      const name = `measured-${kind}-${index + 1}`;
      const start = await startOne(api, name, appImage, kind === 'with');
      if (index >= 0) starts[kind].push(start);
      world.kubectl(`-n ${shop} delete pod ${name} --wait=true`);
    }
  }
  const text = (kind: keyof typeof starts, member: keyof Start): string =>
    [50, 95]
      .map((percent) =>
        percentile(
          starts[kind].map((start) => start[member]),
          percent,
        ).toFixed(0),
      )
      .join(' / ');
  const rows = kinds.map((kind) => [
    `${kind} the agent`,
    ...(['created', 'firstRuns', 'appRuns', 'ready'] as const).map((member) => text(kind, member)),
  ]);
  const heading = ['pod', 'accepted', 'first container runs', 'application runs', 'Ready'];
  for (const line of tableLines(
    heading.map((each, index) => (index === 0 ? each : `${each}, ms p50 / p95`)),
    rows,
  ))
    print(line);
  const [slower, faster] = (['with', 'without'] as const).map((kind) =>
    percentile(
      starts[kind].map(({ ready }) => ready),
      50,
    ),
  ) as [number, number];
  print(`${count} pods of each kind in turn; Ready ${(slower - faster).toFixed(0)} ms later, medians`);
}

export const podStart: Part = { what: 'time until a pod is Ready, with and without the agent, in turn', run };
