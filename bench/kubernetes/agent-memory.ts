/**
 * What the kubelet says that an agent needs of memory: with 1 and with 50 secrets, at rest and after minutes of updates while its
 * certificate lives two minutes. It must never count another container than the agent's.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { account, podSpec, tokenPath } from '../../e2e/run/workloads.ts';
import type { World } from '../../e2e/run/world.ts';
import { shop, writer } from './bench-cluster.ts';
import { tableLines } from './figures.ts';
import type { Part, PartOptions } from './part.ts';

const kinds = [
  { name: 'one', secrets: 1 },
  { name: 'fifty', secrets: 50 },
] as const;
const restSeconds = 45;
const busySeconds = 240;
const betweenUpdatesMilliseconds = 1000;
const mebibyte = 1_048_576;

interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly {
      readonly name: string;
      readonly memory?: { readonly workingSetBytes?: number; readonly rssBytes?: number; readonly usageBytes?: number };
    }[];
  }[];
}

function bindingOf(name: string, secrets: number): object {
  return {
    apiVersion: 'letterlock.dev/v1alpha1',
    kind: 'SecretBinding',
    metadata: { name, namespace: shop },
    spec: {
      workload: { serviceAccountNames: [name] },
      secrets: Array.from({ length: secrets }, (_, n) => ({ name: `s${n}`, keys: ['value'], maxBytes: 16_384 })),
      writers: { serviceAccounts: [{ namespace: writer, name: 'deployer', secrets: ['*'] }] },
    },
  };
}

/** All of them, by one shell of the writer's pod. */
function write(world: World, binding: string, numbers: readonly number[], value: string): void {
  const url = `http://localhost/v1/bindings/${shop}/${binding}/secrets/s$n`;
  const headers = `-H 'Content-Type: application/json' -H "Letterlock-Writer-Token: $(cat ${tokenPath})"`;
  const curl = `curl -sf -o /dev/null -X PUT --unix-socket /run/letterlock/agent.sock ${headers}`;
  const script = `for n in ${numbers.join(' ')}; do ${curl} -d '{"value":"${value}"}' ${url} || exit 1; done`;
  world.kubectl(['-n', writer, 'exec', 'writer', '-c', 'app', '--', 'sh', '-c', script], { seconds: 120 });
}

function figuresOf(world: World, name: string): { readonly workingSet: number; readonly rss: number } {
  const node = world.kubectl('get nodes -o jsonpath={.items[0].metadata.name}');
  const summary = JSON.parse(world.kubectl(`get --raw /api/v1/nodes/${node}/proxy/stats/summary`)) as Summary;
  const pod = summary.pods.find(({ podRef }) => podRef.namespace === shop && podRef.name === name);
  const { memory } = pod?.containers?.find((each) => each.name === 'letterlock-agent') ?? {};
  if (memory?.workingSetBytes === undefined) throw new Error(`The kubelet tells nothing of the agent in ${name}`);
  return { workingSet: memory.workingSetBytes / mebibyte, rss: (memory.rssBytes ?? 0) / mebibyte };
}

/** A count of the agent's own metrics. */
function countOf(world: World, pod: string, counter: string): number {
  const curl = 'curl -s --unix-socket /run/letterlock/agent.sock http://localhost/metrics';
  const text = world.kubectl(['-n', shop, 'exec', pod, '-c', 'app', '--', 'sh', '-c', curl]);
  return Number(new RegExp(`^letterlock_agent_${counter}_total (\\d+)$`, 'm').exec(text)?.[1]);
}

async function run({ cluster, print }: PartOptions): Promise<void> {
  const { world, appImage } = await cluster();
  world.apply(kinds.flatMap(({ name, secrets }) => [account(shop, name), bindingOf(name, secrets)]));
  for (const { name, secrets } of kinds) {
    world.kubectl(`-n ${shop} wait --for=condition=Ready secretbinding/${name} --timeout=60s`);
    write(world, name, [...Array(secrets).keys()], 'first');
    const metadata = { name, namespace: shop, annotations: { 'letterlock.dev/inject': 'true' } };
    world.apply([{ apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec(appImage, name) }]);
    world.kubectl(`-n ${shop} wait --for=condition=Ready pod/${name} --timeout=90s`, { seconds: 100 });
  }
  const rows: string[][] = [];
  const measure = (when: string): void => {
    for (const { name, secrets } of kinds) {
      const { workingSet, rss } = figuresOf(world, name);
      const counts = (['renewals', 'reads'] as const).map((counter) => String(countOf(world, name, counter)));
      rows.push([`${secrets}, ${when}`, workingSet.toFixed(1), rss.toFixed(1), ...counts]);
    }
  };
  await pause(restSeconds * 1000);
  measure('at rest');
  const until = Date.now() + busySeconds * 1000;
  for (let round = 0; Date.now() < until; round += 1) {
    for (const { name, secrets } of kinds) write(world, name, [round % secrets], `update-${round}`);
    await pause(betweenUpdatesMilliseconds);
  }
  await pause(restSeconds * 1000);
  measure(`${busySeconds / 60} minutes of updates later`);
  const heading = ['secrets', 'working set, MiB', 'rss, MiB', 'renewals', 'reads'];
  for (const line of tableLines(heading, rows)) print(line);
  print('As /stats/summary of the kubelet says it, of the container letterlock-agent; certificates live two minutes');
  world.kubectl(`-n ${shop} delete pod ${kinds.map(({ name }) => name).join(' ')} --wait=false`);
}

export const agentMemory: Part = { what: 'what an agent needs of memory, as the kubelet says', run };
