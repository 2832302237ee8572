/**
 * The size of what comes with a call beside its message.
 * It must never look at a value.
 * @module
 */
import type { Metadata } from '@grpc/grpc-js';
import { limits, ProblemError } from '@letterlock/protocol';

/** HTTP/2 counts so much for each entry beside its name and value. @source RFC 9113 §10.5.1 */
const entryBytes = 32;

/** @throws 'headers_too_large' */
export function requireSmallMetadata(metadata: Pick<Metadata, 'toHttp2Headers'>): void {
  let bytes = 0;
  for (const [name, values] of Object.entries(metadata.toHttp2Headers())) {
    for (const value of [values ?? []].flat()) bytes += name.length + String(value).length + entryBytes;
  }
  if (bytes <= limits.headersBytes) return;
  throw new ProblemError('headers_too_large', {
    reason: 'metadata',
    detail: `The metadata has more than ${limits.headersBytes} bytes`,
  });
}
