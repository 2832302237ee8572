/**
 * Who writes and who reads in this story.
 * It must never use more than what an application has: files, the socket, and its own token.
 * @module
 */
import { once } from 'node:events';
import * as workloads from '../run/workloads.ts';
import type { World } from '../run/world.ts';

export const shop = 'letterlock-durable-shop';
export const ci = 'letterlock-durable-ci';
export const readerCount = 2;

/** Where pods read and write. */
export function objects(image: string): object[] {
  return [
    workloads.account(shop, 'orders'),
    workloads.account(ci, 'deployer'),
    workloads.bindingObject(shop, { namespace: ci, name: 'deployer' }),
    workloads.writerPod(image, ci, 'writer', 'deployer'),
    workloads.readers(image, shop, { replicas: readerCount }),
  ];
}

/** Writes with both factors, as often as it takes while replicas come and go. */
export async function writePassword(world: World, password: string): Promise<void> {
  let said = '';
  await world.eventually('no write was answered 201', () => {
    const { stdout, stderr } = workloads.write(world, { by: { namespace: ci, pod: 'writer' }, to: shop, password });
    said = `${stdout}${stderr}`;
    return stdout.endsWith(' 201');
  });
  world.note(`the last write was answered ${said.trim().slice(-3)}`);
}

export const everyReaderHas = (world: World, password: string, count = readerCount): Promise<void> =>
  workloads.everyPodHas(world, { namespace: shop, count, password, seconds: 90 });

/** Reads by the socket of one pod, several times a second, until it is stopped. @returns stops it, and says how it went */
export function startReading(world: World): () => Promise<{ readonly reads: number; readonly failures: number }> {
  const [pod = ''] = workloads.runningPods(world, shop);
  const get = 'curl -sf -o /dev/null --unix-socket /run/letterlock/agent.sock http://localhost/v1/secrets/db';
  const script = `while :; do ${get} && echo read || echo failed; sleep 0.2; done`;
  const reading = world.startKubectl(['-n', shop, 'exec', pod, '-c', 'app', '--', 'sh', '-c', script]);
  let said = '';
  reading.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  reading.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return async () => {
    const ended = once(reading, 'close');
    reading.kill();
    await ended;
    const lines = said.split('\n').filter((line) => line !== '');
    return { reads: lines.length, failures: lines.filter((line) => line !== 'read').length };
  };
}

/** A pod that was not there before receives the secret. */
export async function freshPodReads(world: World, name: string, password: string): Promise<void> {
  world.apply([workloads.readingJob(await world.image('app'), shop, name)]);
  world.kubectl(`-n ${shop} wait --for=condition=Complete job/${name} --timeout=90s`, { seconds: 100 });
  const said = world.kubectl(`-n ${shop} logs job/${name} -c app`);
  if (said !== password) throw new Error(`A new pod read ${said}`);
  world.kubectl(`-n ${shop} delete job ${name} --wait=false`);
}
