/**
 * Puts images from a tar file into the cluster's containerd, where the kubelet finds them without a registry.
 * It must never fetch anything.
 * @module
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { runInside } from './namespaces.ts';
import type { ToolOptions } from './run-tool.ts';

const importMilliseconds = 120_000;

/** An image as containerd lists it. */
interface Listed {
  /** With registry and tag. */
  readonly name: string;
  readonly digest: string;
}

/** Imports it. Shape of the file: an OCI layout or docker archive, as `docker save` writes it. @returns names of what is new or changed */
export function importImage(cluster: Cluster, file: string): string[] {
  const ctr = (words: string, options?: ToolOptions): string =>
    runInside(
      cluster.keeper,
      [join(cluster.programs.folder, 'ctr'), '--namespace=k8s.io', 'images', ...words.split(' ')],
      options,
    );
  const before = new Set(listed(ctr('list')).map(({ name, digest }) => `${name} ${digest}`));
  const stdin = openSync(file, 'r');
  try {
    // Through standard input: the file may be where the cluster has a folder of its own.
    ctr('import --local -', { stdin, timeoutMilliseconds: importMilliseconds });
  } finally {
    closeSync(stdin);
  }
  const imported = listed(ctr('list')).filter(({ name, digest }) => !before.has(`${name} ${digest}`));
  // An image that was pulled has this name too, and a pod's status gives it as its imageID.
  for (const { name, digest } of imported) ctr(`tag --force ${name} ${name.slice(0, name.lastIndexOf(':'))}@${digest}`);
  return imported.map(({ name }) => name);
}

/** Images with a tag. Shape of the output: `ctr images list`. */
export function listed(output: string): Listed[] {
  return output
    .split('\n')
    .map((line) => /^(\S+)\s+\S+\s+(sha256:[0-9a-f]{64})\s/.exec(line))
    .map((match) => ({ name: match?.[1] ?? '', digest: match?.[2] ?? '' }))
    .filter(({ name }) => name !== '' && !name.startsWith('sha256:') && !name.includes('@'));
}
