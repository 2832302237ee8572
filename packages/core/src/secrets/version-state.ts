/**
 * What has become of a version, by its record and the time.
 * It must never call a version stored that may no longer be delivered.
 * @module
 */
import type { VersionRecord } from './secret-record.ts';

/** State and since when, seconds. The expiry is the first second in which it is not delivered any more. */
export function stateOf(
  record: VersionRecord,
  nowSeconds: number,
): { readonly st: 'STORED' | 'EXPIRED' | 'DESTROYED'; readonly at: number } {
  const { s, exp, at } = record;
  if (s === 'STORED' && exp !== undefined && nowSeconds >= exp) return { st: 'EXPIRED', at: exp };
  return { st: s, at };
}
