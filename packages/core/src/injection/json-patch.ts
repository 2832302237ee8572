/**
 * JSON Patch (RFC 6902) from one document to another, of `add`, `remove` and `replace` alone.
 * It must never touch what is the same in both.
 * @module
 */
import type { Json, JsonObject } from './pod.ts';
import { isJsonObject, isSameJson, memberNames, memberOf } from './same-json.ts';

export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string };

/** Operations that make `to` of `from`; none if they are the same. */
export function jsonPatch(from: Json, to: Json, path = ''): readonly PatchOperation[] {
  if (isSameJson(from, to)) return [];
  if (Array.isArray(from) && Array.isArray(to)) return patchArray(from as readonly Json[], to as readonly Json[], path);
  if (isJsonObject(from) && isJsonObject(to)) return patchObject(from, to, path);
  return [{ op: 'replace', path, value: to }];
}

/** One reference token. @source RFC 6901 §3: `~` first, or the slash's own tilde would be escaped again */
export function pointerToken(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function patchObject(from: JsonObject, to: JsonObject, path: string): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  for (const name of memberNames(from)) {
    if (memberOf(to, name) === undefined) operations.push({ op: 'remove', path: `${path}/${pointerToken(name)}` });
  }
  for (const name of memberNames(to)) {
    const at = `${path}/${pointerToken(name)}`;
    const value = memberOf(to, name)!;
    const before = memberOf(from, name);
    operations.push(
      ...(before === undefined ? [{ op: 'add' as const, path: at, value }] : jsonPatch(before, value, at)),
    );
  }
  return operations;
}

/** Keeps what is the same at both ends; what is between is compared pair by pair. */
function patchArray(from: readonly Json[], to: readonly Json[], path: string): readonly PatchOperation[] {
  const shorter = Math.min(from.length, to.length);
  let head = 0;
  while (head < shorter && isSameJson(from[head], to[head])) head += 1;
  let tail = 0;
  while (tail < shorter - head && isSameJson(from.at(-1 - tail), to.at(-1 - tail))) tail += 1;
  const fromEnd = from.length - tail;
  const toEnd = to.length - tail;
  const operations: PatchOperation[] = [];
  let index = head;
  for (; index < fromEnd && index < toEnd; index += 1) {
    operations.push(...jsonPatch(from[index]!, to[index]!, `${path}/${index}`));
  }
  // From the back, so that no index moves under the next one.
  for (let last = fromEnd - 1; last >= index; last -= 1) operations.push({ op: 'remove', path: `${path}/${last}` });
  for (; index < toEnd; index += 1) operations.push({ op: 'add', path: `${path}/${index}`, value: to[index]! });
  return operations;
}
