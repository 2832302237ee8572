/**
 * Sends audit lines to a collector: one POST of JSON lines for each batch.
 * It must never follow a redirect, send a credential or read what the collector answers.
 * @module
 */
import { encodeLines, type LineWriter } from './line-writer.ts';

/** A batch counts as written when the collector answers 2xx before the deadline. */
export function httpWriter(url: string): LineWriter {
  return {
    kind: 'http',
    async write(lines, signal) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: new Uint8Array(encodeLines(lines)),
        redirect: 'error',
        signal,
      });
      await response.body?.cancel();
      if (!response.ok) throw new CollectorRefused(response.status);
    },
    close: async () => {},
  };
}

class CollectorRefused extends Error {
  override readonly name = 'CollectorRefused';

  constructor(status: number) {
    super(`The collector answered ${status}`);
  }
}
