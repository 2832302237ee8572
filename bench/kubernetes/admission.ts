/**
 * Admission reviews: asked at the webhook of the installed server, with its own TLS, from outside the cluster.
 * It must never go through the API server, whose own time would be measured with it.
 * @module
 */
import { Agent, request, type RequestOptions } from 'node:https';
import { podSpec } from '../../e2e/run/workloads.ts';
import { service, shop } from './bench-cluster.ts';
import { latencyText, measureLoad, tableLines } from './figures.ts';
import type { Part, PartOptions } from './part.ts';

const concurrencies = [1, 4, 16];

function review(image: string, containers: number): string {
  const spec = podSpec(image, 'orders') as { readonly containers: readonly object[] };
  const all = Array.from({ length: containers }, (_, index) => ({ ...spec.containers[0], name: `app-${index}` }));
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'f0f0f0f0-0000-4000-8000-000000000000',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      operation: 'CREATE',
      namespace: shop,
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'orders', annotations: { 'letterlock.dev/inject': 'true' } },
        spec: { ...spec, containers: all },
      },
    },
  });
}

function ask(options: RequestOptions, body: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const asking = request(options, (response) => {
    const pieces: Buffer[] = [];
    response.on('data', (piece: Buffer) => pieces.push(piece));
    response.once('end', () => {
      const text = Buffer.concat(pieces).toString();
      if (response.statusCode === 200 && text.includes('"allowed":true') && text.includes('"patch":')) resolve();
      else reject(new Error(`The webhook answered ${response.statusCode} ${text}`));
    });
  });
  asking.once('error', reject);
  asking.end(body);
  return promise;
}

async function run({ cluster, print, seconds, warmUpSeconds }: PartOptions): Promise<void> {
  const { world, appImage } = await cluster();
  const host = world.kubectl(`-n ${service} get pod letterlock-server-0 -o jsonpath={.status.podIP}`);
  const path = '{.webhooks[0].clientConfig.caBundle}';
  const bundle = world.kubectl(`get mutatingwebhookconfiguration letterlock-injector -o jsonpath=${path}`);
  const ca = Buffer.from(bundle, 'base64').toString();
  const rows: string[][] = [];
  for (const containers of [1, 20]) {
    const body = review(appImage, containers);
    for (const concurrency of concurrencies) {
      const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
      const options: RequestOptions = {
        host,
        port: 10250,
        servername: `letterlock-webhook.${service}.svc`,
        ca,
        agent,
        method: 'POST',
        path: '/v1/admission/pod?timeout=5s',
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      };
      const { perSecond, latencies } = await measureLoad({
        concurrency,
        seconds,
        warmUpSeconds,
        once: () => ask(options, body),
      });
      agent.destroy();
      rows.push([`${containers}`, `${concurrency}`, perSecond.toFixed(0), latencyText(latencies)]);
    }
  }
  for (const line of tableLines(['containers of the pod', 'c', 'reviews a second', 'latency p50/p95/p99 ms'], rows))
    print(line);
}

export const admission: Part = { what: 'admission reviews, at the webhook of the installed server', run };
