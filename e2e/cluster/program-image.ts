/**
 * An image of one static program and nothing else: the container that holds a pod's namespaces, and etcd.
 * It must never need a registry.
 * @module
 */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { machineArchitecture, writeImage } from '../../tools/image/archive.ts';

export interface ProgramImage {
  /** Path of the program on this machine. */
  readonly program: string;
  /** Path of the program in the image, where a container starts it. */
  readonly entrypoint: string;
  /** With tag. */
  readonly name: string;
  /** The tar file. */
  readonly file: string;
}

/** Writes the file. */
export async function writeProgramImage({ program, entrypoint, name, file }: ProgramImage): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const folder = mkdtempSync(`${file}.`);
  try {
    const root = join(folder, 'root');
    const target = join(root, entrypoint);
    mkdirSync(dirname(target), { recursive: true });
    chmodSync(root, 0o755);
    copyFileSync(program, target);
    chmodSync(target, 0o755);
    const configuration = {
      user: '65535:65535',
      // Whoever names the program without its folder finds it too.
      environment: { PATH: dirname(entrypoint) },
      labels: {},
      ports: [],
      entrypoint: [entrypoint],
      command: [],
    };
    await writeImage({ name, architecture: machineArchitecture(), layers: [root], configuration }, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
