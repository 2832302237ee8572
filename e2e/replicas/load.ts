/**
 * Load on all replicas by the SDK alone: what it does not absorb is a failed request.
 * It must never repeat a call that failed.
 * @module
 */
import type { LetterlockClient } from '@letterlock/client';

export interface LoadResult {
  requests: number;
  /** What failed, in words. */
  readonly failures: string[];
}

const contentBytes = 1024;

/** Each worker wraps, opens, acknowledges, writes and reads, until the signal ends it. */
export function runLoad(o: {
  readonly workers: number;
  readonly signal: AbortSignal;
  readonly readerId: string;
  readonly client: (as: 'writer' | 'reader', worker: number) => LetterlockClient;
}): Promise<LoadResult> {
  const result: LoadResult = { requests: 0, failures: [] };
  const attempt = async <T>(name: string, call: Promise<T>): Promise<T | undefined> => {
    result.requests += 1;
    try {
      return await call;
    } catch (error) {
      const { code = '', message } = error as { readonly code?: string; readonly message: string };
      result.failures.push(`${name}: ${code} ${message}`);
      return undefined;
    }
  };
  const work = async (worker: number): Promise<void> => {
    const [writer, reader] = [o.client('writer', worker), o.client('reader', worker)];
    const path = `team-a/load-${worker}`;
    for (let round = 1; !o.signal.aborted; round += 1) {
      const content = Buffer.alloc(contentBytes, round);
      const stored = await attempt('wrap', writer.wrap({ to: o.readerId, path, content }));
      if (stored !== undefined) {
        using opened = await attempt('open', reader.open(stored.id));
        if (opened !== undefined) {
          if (!content.equals(opened.content.expose())) result.failures.push('open: other content');
          await attempt('acknowledge', opened.acknowledge());
        }
      }
      const written = await attempt('write', writer.writeSecret({ to: [o.readerId], path, content }));
      using read = await attempt('read', reader.readSecret(path));
      if (written !== undefined && read !== undefined && read.ver !== written.ver)
        result.failures.push('read: another version');
    }
  };
  return Promise.all(Array.from({ length: o.workers }, (_, worker) => work(worker))).then(() => result);
}
