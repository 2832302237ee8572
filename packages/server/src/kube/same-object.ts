/**
 * Whether two values of the API are the same, whatever the order of their members.
 * It must never be used on what is compared by identity.
 * @module
 */
import { isRecord } from './kubernetes-object.ts';

export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, sorted(value[name])]),
  );
}
