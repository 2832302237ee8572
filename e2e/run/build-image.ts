/**
 * Makes the images that stories use: the product's, and one for applications, with a shell.
 * It must never fetch anything.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { machineArchitecture, writeImage } from '../../tools/image/archive.ts';
import { findProgram } from '../../tools/image/find-program.ts';
import { addProgram, makeNodeBase, nodeBaseConfiguration } from '../../tools/image/node-base.ts';

export type ImageName = 'server' | 'agent' | 'app';

/** An image in a file. */
export interface BuiltImage {
  readonly file: string;
  /** With tag. */
  readonly image: string;
}

const root = join(import.meta.dirname, '../..');
const appImage = 'localhost/letterlock-e2e-app:1';

/** Makes it. */
export async function buildImage(name: ImageName): Promise<BuiltImage> {
  return name === 'app' ? buildAppImage() : buildProductImage(name);
}

function buildProductImage(name: 'server' | 'agent'): BuiltImage {
  const words = ['--disable-warning=ExperimentalWarning', 'tools/image/main.ts', name];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`Cannot make the image of ${name}: ${stderr}`);
  const [image = '', file = ''] = stdout.trim().split('\n').at(-1)?.split('  ') ?? [];
  return { image, file };
}

/** Node, a shell with its small programs, and curl: what applications in stories need. */
async function buildAppImage(): Promise<BuiltImage> {
  const folder = join(root, 'dist/image/app');
  makeNodeBase(folder, process.execPath);
  addProgram(folder, findProgram('curl'), '/usr/bin/curl');
  const busybox = findProgram('busybox');
  addProgram(folder, busybox, '/bin/busybox');
  const list = spawnSync(busybox, ['--list'], { encoding: 'utf8' }).stdout.trim().split('\n');
  for (const applet of list.filter((each) => each !== 'busybox')) symlinkSync('busybox', join(folder, 'bin', applet));
  mkdirSync(join(root, 'dist/image'), { recursive: true });
  const file = join(root, 'dist/image/letterlock-e2e-app.tar');
  const configuration = {
    ...nodeBaseConfiguration,
    environment: { ...nodeBaseConfiguration.environment, PATH: '/nodejs/bin:/usr/bin:/bin' },
    entrypoint: [],
    command: ['/bin/sleep', 'infinity'],
  };
  await writeImage({ name: appImage, architecture: machineArchitecture(), layers: [folder], configuration }, file);
  return { file, image: appImage };
}
