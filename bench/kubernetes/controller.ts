/**
 * What many SecretBindings cost: time until all are Ready, requests to the API server for each, and memory of the server.
 * It must never count what somebody else asked: no pods are made, and nobody else writes these resources meanwhile.
 * @module
 */
import { createApiClientOf } from '@letterlock/server/testing';
import { bindingObject } from '../../e2e/run/workloads.ts';
import type { World } from '../../e2e/run/world.ts';
import { service } from './bench-cluster.ts';
import { tableLines } from './figures.ts';
import type { Part, PartOptions } from './part.ts';

const inEachNamespace = 100;
const atOnce = 16;
const limitSeconds = 300;
const idleSeconds = 30;
const writer = { namespace: 'ci', name: 'deployer' };

/** Requests of the API server that only the controller makes here. */
const counted: readonly { readonly what: string; readonly is: RegExp }[] = [
  { what: 'status of bindings', is: /resource="secretbindings".*subresource="status"/ },
  { what: 'finalizers of bindings', is: /resource="secretbindings".*subresource="",verb="PATCH"/ },
  { what: 'trust of namespaces', is: /resource="configmaps".*verb="APPLY"/ },
  { what: 'recipients', is: /resource="secretrecipients".*verb="(?:APPLY|PATCH|DELETE)"/ },
];

interface Binding {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface Usage {
  readonly megabytes: number;
  readonly cpuSeconds: number;
}

function requestsOf(world: World): readonly number[] {
  const lines = world
    .kubectl('get --raw /metrics', { seconds: 60 })
    .split('\n')
    .filter((line) => line.startsWith('apiserver_request_total{'));
  return counted.map(({ is }) =>
    lines.reduce((sum, line) => sum + (is.test(line) ? Number(line.slice(line.lastIndexOf(' '))) : 0), 0),
  );
}

/** Of the server's container, as the kubelet reports it. */
function usageOf(world: World): Usage {
  const node = world.kubectl(`-n ${service} get pod letterlock-server-0 -o jsonpath={.spec.nodeName}`);
  const { pods } = JSON.parse(world.kubectl(`get --raw /api/v1/nodes/${node}/proxy/stats/summary`)) as {
    readonly pods: readonly {
      readonly podRef: { readonly name: string };
      readonly containers: readonly {
        readonly memory?: { readonly workingSetBytes?: number };
        readonly cpu?: { readonly usageCoreNanoSeconds?: number };
      }[];
    }[];
  };
  const container = pods.find(({ podRef }) => podRef.name === 'letterlock-server-0')?.containers[0];
  return {
    megabytes: (container?.memory?.workingSetBytes ?? Number.NaN) / 1024 ** 2,
    cpuSeconds: (container?.cpu?.usageCoreNanoSeconds ?? Number.NaN) / 1e9,
  };
}

async function run({ cluster, print, bindings: count }: PartOptions): Promise<void> {
  const { world } = await cluster();
  const api = createApiClientOf(world.kubeconfig);
  const namespaces = Array.from({ length: Math.ceil(count / inEachNamespace) }, (_, index) => `measured-${index}`);
  world.apply(namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })));
  const [before, requestsBefore] = [usageOf(world), requestsOf(world)];
  const begin = performance.now();
  let next = 0;
  const make = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const namespace = namespaces[Math.floor(index / inEachNamespace)]!;
      const object = bindingObject(namespace, writer) as { readonly metadata: object };
      const body = { ...object, metadata: { ...object.metadata, name: `b-${index}` } };
      const path = `/apis/letterlock.dev/v1alpha1/namespaces/${namespace}/secretbindings`;
      await api.ask({ method: 'POST', path, body, timeoutSeconds: 60 });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, make));
  const made = performance.now() - begin;
  await world.eventually('not every binding was Ready', async () => (await readyOf(api)) > count, limitSeconds);
  const ready = performance.now() - begin;
  const [after, requestsAfter] = [usageOf(world), requestsOf(world)];
  const pause = Promise.withResolvers<void>();
  setTimeout(pause.resolve, idleSeconds * 1000);
  await pause.promise;
  const [idle, requestsIdle] = [usageOf(world), requestsOf(world)];
  const rows = counted.map(({ what }, index) => [
    what,
    ((requestsAfter[index]! - requestsBefore[index]!) / count).toFixed(2),
    ((requestsIdle[index]! - requestsAfter[index]!) / idleSeconds).toFixed(2),
  ]);
  for (const line of tableLines(['requests of the controller', 'for each binding', 'a second, afterwards'], rows))
    print(line);
  const { megabytes } = idle;
  print(
    `${count} bindings in ${namespaces.length} namespaces: made in ${(made / 1000).toFixed(1)} s, all Ready ${(ready / 1000).toFixed(1)} s after the first was asked for`,
  );
  print(
    `server: working set ${before.megabytes.toFixed(0)} MiB before, ${after.megabytes.toFixed(0)} when all were Ready, ${megabytes.toFixed(0)} MiB ${idleSeconds} s later; CPU ${(after.cpuSeconds - before.cpuSeconds).toFixed(1)} s until then, ${(((idle.cpuSeconds - after.cpuSeconds) / idleSeconds) * 100).toFixed(0)} % of a core afterwards`,
  );
}

/** The one of the installation is Ready too. */
async function readyOf(api: ReturnType<typeof createApiClientOf>): Promise<number> {
  const path = '/apis/letterlock.dev/v1alpha1/secretbindings';
  const { items } = (await api.ask({ method: 'GET', path, timeoutSeconds: 60 })) as {
    readonly items: readonly Binding[];
  };
  return items.filter(({ status }) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  ).length;
}

export const controller: Part = { what: 'many bindings: time until all are Ready, requests for each, memory', run };
