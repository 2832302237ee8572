/**
 * Makes the images that stories use: the product's, and one for applications, with a shell.
 * It must never fetch anything.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeProgramImage } from '../cluster/program-image.ts';
import { machineArchitecture, writeImage } from '../../tools/image/archive.ts';
import { setModes } from '../../tools/image/bundle.ts';
import { makeImage } from '../../tools/image/engines.ts';
import { findProgram } from '../../tools/image/find-program.ts';
import { addProgram, makeNodeBase, nodeBaseConfiguration } from '../../tools/image/node-base.ts';

/** `successor`: the program of `server` under another digest, as a later release has it; `agent-successor`: that of `agent`. */
export type ImageName = 'server' | 'successor' | 'agent' | 'agent-successor' | 'app' | 'etcd';

/** An image in a file. */
export interface BuiltImage {
  readonly file: string;
  /** With tag. */
  readonly image: string;
}

const root = join(import.meta.dirname, '../..');
const appImage = 'localhost/letterlock-e2e-app:1';
const etcdImage = 'localhost/letterlock-e2e-etcd:1';

const makers: Readonly<Record<ImageName, () => BuiltImage | Promise<BuiltImage>>> = {
  server: () => buildProductImage('server'),
  successor: () => buildSuccessor('server', 'successor'),
  agent: () => buildProductImage('agent'),
  'agent-successor': () => buildSuccessor('agent', 'agent-successor'),
  app: buildAppImage,
  etcd: buildEtcdImage,
};

/** Makes it. */
export async function buildImage(name: ImageName): Promise<BuiltImage> {
  return makers[name]();
}

function buildProductImage(name: 'server' | 'agent'): BuiltImage {
  const words = ['--disable-warning=ExperimentalWarning', 'tools/image/main.ts', name];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`Cannot make the image of ${name}: ${stderr}`);
  const [image = '', file = ''] = stdout.trim().split('\n').at(-1)?.split('  ') ?? [];
  return { image, file };
}

/** Digest of an image in a file, as a kubelet reports it. Shape: `sha256:…`. */
export function digestIn(file: string): string {
  const { stdout } = spawnSync('tar', ['-xOf', file, './index.json'], { encoding: 'utf8' });
  const { manifests } = JSON.parse(stdout) as { readonly manifests: readonly { readonly digest: string }[] };
  return manifests[0]!.digest;
}

/** What the program's image is made of, and one file more. */
async function buildSuccessor(program: 'server' | 'agent', name: 'successor' | 'agent-successor'): Promise<BuiltImage> {
  const { image: present } = buildProductImage(program);
  const folder = join(root, 'dist/image');
  const context = join(folder, name);
  rmSync(context, { recursive: true, force: true });
  cpSync(join(folder, program), context, { recursive: true });
  writeFileSync(join(context, 'release.txt'), 'successor\n');
  setModes(context);
  const image = `${present.slice(0, present.lastIndexOf(':'))}:successor`;
  const file = join(folder, `letterlock-e2e-${name}.tar`);
  const scratch = join(folder, `.scratch-${name}`);
  await makeImage('none', {
    name: image,
    dockerfile: join(root, `deploy/Dockerfile.${program}`),
    context,
    file,
    scratch,
  });
  rmSync(scratch, { recursive: true, force: true });
  return { file, image };
}

/** The etcd that the tests use everywhere, of the version that the chart names. */
async function buildEtcdImage(): Promise<BuiltImage> {
  const built = spawnSync(join(root, 'tools/etcd/build.sh'), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (built.status !== 0) throw new Error('Cannot make the image of etcd: it was not built');
  const file = join(root, 'dist/image/letterlock-e2e-etcd.tar');
  await writeProgramImage({ program: built.stdout.trim(), entrypoint: '/usr/local/bin/etcd', name: etcdImage, file });
  return { file, image: etcdImage };
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
