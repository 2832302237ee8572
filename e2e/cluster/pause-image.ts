/**
 * The image of the container that holds a pod's namespaces: one static program and nothing else.
 * It must never need a registry.
 * @module
 */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { machineArchitecture, writeImage } from '../../tools/image/archive.ts';

export interface PauseImage {
  /** Path of the program. */
  readonly program: string;
  /** With tag. */
  readonly name: string;
  /** The tar file. */
  readonly file: string;
}

/** Writes the file. */
export async function writePauseImage({ program, name, file }: PauseImage): Promise<void> {
  const folder = mkdtempSync(`${file}.`);
  try {
    const root = join(folder, 'root');
    mkdirSync(root);
    chmodSync(root, 0o755);
    copyFileSync(program, join(root, 'pause'));
    chmodSync(join(root, 'pause'), 0o755);
    const configuration = {
      user: '65535:65535',
      environment: {},
      labels: {},
      ports: [],
      entrypoint: ['/pause'],
      command: [],
    };
    await writeImage({ name, architecture: machineArchitecture(), layers: [root], configuration }, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
