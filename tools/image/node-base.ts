/**
 * A base image's root folder, made of Node's program and the shared objects of this machine, for machines without an engine.
 * It must never hold a shell or a package manager: the distroless base of the Dockerfiles has none either.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ImageConfiguration } from './dockerfile.ts';

const authorities = '/etc/ssl/certs/ca-certificates.crt';

/** What the distroless base says, as far as we need it. */
export const nodeBaseConfiguration: ImageConfiguration = {
  user: '65532:65532',
  workingFolder: '/',
  environment: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', SSL_CERT_FILE: authorities },
  labels: {},
  ports: [],
  entrypoint: ['/nodejs/bin/node'],
  command: [],
};

/** Fills an empty folder. Shape of node: path of the program. */
export function makeNodeBase(folder: string, node: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  addProgram(folder, node, '/nodejs/bin/node');
  addFile(folder, authorities, authorities);
  const write = (path: string, text: string): void => {
    makeFolders(folder, dirname(path));
    writeFileSync(join(folder, path), text, { mode: 0o644 });
  };
  write(
    '/etc/passwd',
    'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n',
  );
  write('/etc/group', 'root:x:0:\nnonroot:x:65532:\n');
  write('/etc/nsswitch.conf', 'hosts: files dns\n');
  makeFolders(folder, '/tmp');
  chmodSync(join(folder, 'tmp'), 0o1777);
}

/** Copies a program of this machine, and the shared objects that it loads. */
export function addProgram(folder: string, source: string, target: string): void {
  addFile(folder, source, target, 0o755);
  const { status, stdout, stderr } = spawnSync('ldd', [source], { encoding: 'utf8' });
  // A static program has none.
  if (status !== 0 && !/not a dynamic executable/.test(stderr)) throw new Error(`Cannot read ${source}: ${stderr}`);
  for (const path of sharedObjects(stdout)) addFile(folder, path, path, 0o755);
}

/** Paths in the output of ldd. @throws Error if one is not found */
export function sharedObjects(output: string): string[] {
  const missing = /^\s*(\S+) => not found$/m.exec(output)?.[1];
  if (missing !== undefined) throw new Error(`Cannot make an image: the shared object ${missing} is not installed`);
  return [...output.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path = '']) => path);
}

function addFile(folder: string, source: string, target: string, mode = 0o644): void {
  makeFolders(folder, dirname(target));
  copyFileSync(realpathSync(source), join(folder, target));
  chmodSync(join(folder, target), mode);
}

/** With modes that do not depend on who builds. */
function makeFolders(folder: string, path: string): void {
  let made = folder;
  chmodSync(made, 0o755);
  for (const part of path.split('/').filter((each) => each !== '')) {
    made = join(made, part);
    mkdirSync(made, { recursive: true });
    chmodSync(made, 0o755);
  }
}
