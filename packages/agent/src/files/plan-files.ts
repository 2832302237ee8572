/**
 * Which files of which secret a pod gets: what its annotations name, else what the binding names, else one file a key.
 * It must never widen what the binding allows, nor let two files have one path.
 * @module
 */
import { ProblemError, type BindingDelivery, type PodDelivery } from '@letterlock/protocol';
import type { SecretValues } from './secret-values.ts';

type PodFile = PodDelivery['files'][number];

/** One file of one secret. */
export type FileSpecification = Pick<PodFile, 'format' | 'key' | 'path' | 'perms' | 'template'>;

/** A file with the secret that it is made of. */
export interface PlannedFile extends FileSpecification {
  readonly binding: string;
  readonly secret: string;
}

/** One secret that this pod may have. */
export interface OfferedSecret {
  readonly binding: string;
  readonly secret: string;
  readonly delivery: BindingDelivery;
  /** Absent where only files are planned that need no key's name. */
  readonly values?: SecretValues;
}

/** Names in the volume that are not files of secrets. */
const reservedNames = /^(?:\.\.|agent\.sock(?:$|\/)|\.agent)/;

/** @throws 'bad_request' with the reason `file_path_reserved` or `file_path_twice` */
export function planFiles(pod: PodDelivery, offered: readonly OfferedSecret[]): readonly PlannedFile[] {
  const files = offered.flatMap((one) => filesOf(pod, one));
  const seen = new Set<string>();
  for (const { path } of files) {
    if (reservedNames.test(path)) throw refuse('file_path_reserved', 'A file has a path that the agent needs itself');
    if (seen.has(path)) throw refuse('file_path_twice', 'Two files have the same path');
    seen.add(path);
  }
  for (const path of seen) {
    const folders = path.split('/').slice(0, -1);
    if (folders.some((_, depth) => seen.has(folders.slice(0, depth + 1).join('/')))) {
      throw refuse('file_path_twice', 'A file has the path of a folder');
    }
  }
  return files;
}

/** Whether a pod wants a binding's secrets at all. */
export function wantsBinding({ bindings }: PodDelivery, name: string): boolean {
  return bindings === undefined || bindings.includes(name);
}

function filesOf(pod: PodDelivery, { binding, secret, delivery, values }: OfferedSecret): readonly PlannedFile[] {
  const own = pod.files.filter((file) => file.binding === binding && file.secret === secret);
  if (own.length > 0) return own;
  const given = delivery.files?.filter((file) => file.secret === secret) ?? [];
  if (given.length > 0) return given.map((file) => ({ ...file, binding }));
  return [...(values?.keys() ?? [])].map((key) => ({ binding, secret, key, path: `${secret}/${key}` }));
}

function refuse(reason: string, detail: string): ProblemError {
  return new ProblemError('bad_request', { reason, detail });
}
