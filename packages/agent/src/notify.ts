/**
 * Tells the application in the same pod that its files are new: POST to a port on localhost, repeated until it is taken.
 * It must never send anything of a secret, nor reach beyond the pod.
 * @module
 */
import { request } from 'node:http';
import { Backoff, pause } from './backoff.ts';
import { errorFacts, type Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface NotifyOptions {
  readonly port: number;
  readonly path: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

const attemptMilliseconds = 5000;
const attemptsLimit = 8;
const backoffLimits = { firstMilliseconds: 250, mostMilliseconds: 30_000 };

/** Until an answer of success, the last attempt, or the abort: by a newer update. */
export async function notify(o: NotifyOptions): Promise<void> {
  const backoff = new Backoff(backoffLimits);
  while (!o.signal.aborted && backoff.failures < attemptsLimit) {
    try {
      await post(o);
      o.metrics.count('notifications');
      o.log.info('Told the application of new files', { port: o.port, path: o.path });
      return;
    } catch (error) {
      if (o.signal.aborted) return;
      o.metrics.count('notification_failures');
      o.log.warn('Could not tell the application of new files', { port: o.port, path: o.path, ...errorFacts(error) });
      await pause(backoff.failed(), o.signal);
    }
  }
}

function post({ port, path, signal }: NotifyOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const call = request({
    host: '127.0.0.1',
    port,
    path,
    method: 'POST',
    headers: { 'content-length': 0 },
    agent: false,
    signal: AbortSignal.any([signal, AbortSignal.timeout(attemptMilliseconds)]),
  });
  call.on('response', (response) => {
    response.resume();
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) resolve();
    else reject(new Error(`The application answered ${status}`));
  });
  call.on('error', reject);
  call.end();
  return promise;
}
