/**
 * The startup command, run by the kubelet beside the agent: asks it on its socket until the files are there.
 * It must never do the agent's work, nor end well before the agent says so.
 * @module
 */
import { request } from 'node:http';
import { pause } from './backoff.ts';

const everyMilliseconds = 100;

/** @returns whether the files were there before the abort */
export async function waitForFiles(socketPath: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await isReady(socketPath, signal)) return true;
    await pause(everyMilliseconds, signal);
  }
  return false;
}

/** `/healthz` answers 200 exactly when the files are there. */
function isReady(socketPath: string, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const call = request({ socketPath, path: '/healthz', agent: false, signal });
  call.on('response', (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  });
  call.on('error', () => resolve(false));
  call.end();
  return promise;
}
