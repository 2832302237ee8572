/**
 * Whether two JSON values are the same: members in any order, items in theirs; undefined counts as absent.
 * It must never call two values the same because one of them has more.
 * @module
 */
import type { Json, JsonObject } from './pod.ts';

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names of the members that are there. */
export function memberNames(object: JsonObject): readonly string[] {
  return Object.keys(object).filter((name) => object[name] !== undefined);
}

/** An own member: a name such as `__proto__` finds nothing that was not sent. */
export function memberOf(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

export function isSameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isSameJson(item as Json, b[index] as Json));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const names = memberNames(a);
  return (
    names.length === memberNames(b).length && names.every((name) => isSameJson(memberOf(a, name), memberOf(b, name)))
  );
}
