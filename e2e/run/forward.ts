/**
 * Reaches pods from this machine as a person does, by `kubectl port-forward`: whoever's cluster it is.
 * It must never leave a forward open.
 * @module
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import type { World } from './world.ts';

const openMilliseconds = 20_000;

/** Opens one forward to each pod, and closes them when the work is done. Shape of what the work gets: `localhost:<port>`, in order. */
export async function withForwards<T>(
  world: World,
  o: { readonly namespace: string; readonly pods: readonly string[]; readonly port: number },
  work: (places: readonly string[]) => Promise<T> | T,
): Promise<T> {
  const forwards = o.pods.map((pod) =>
    world.startKubectl(['-n', o.namespace, 'port-forward', `pod/${pod}`, `:${o.port}`]),
  );
  try {
    return await work(await Promise.all(forwards.map((forward) => placeOf(forward))));
  } finally {
    await Promise.all(forwards.map((forward) => end(forward)));
  }
}

async function placeOf(forward: ChildProcessWithoutNullStreams): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = '';
  const listen = (chunk: Buffer): void => {
    said += chunk.toString();
    const port = /127\.0\.0\.1:(\d+) ->/.exec(said)?.[1];
    if (port !== undefined) resolve(`localhost:${port}`);
  };
  forward.stdout.on('data', listen);
  forward.stderr.on('data', listen);
  forward.once('exit', () => reject(new Error(`Cannot forward: ${said}`)));
  const timer = setTimeout(() => reject(new Error(`Cannot forward: ${said}`)), openMilliseconds);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

async function end(forward: ChildProcessWithoutNullStreams): Promise<void> {
  if (forward.exitCode !== null || forward.signalCode !== null) return;
  const ended = once(forward, 'exit');
  forward.kill();
  await ended;
}
