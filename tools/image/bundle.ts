/**
 * Bundles one program and what it reads into a folder, the same one for every processor.
 * It must never minify: names and lines of an error must lead to the source.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageProgram } from './image-programs.ts';

/** CommonJS packages inside an ES module look for these three. */
const banner = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`;

/** Writes `lib/*.js` and `proto/` into an empty folder. @throws Error of esbuild, which names file and line */
export function bundle(root: string, program: ImageProgram, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'lib'), { recursive: true });
  const words = [
    join(root, 'node_modules/.bin/esbuild'),
    ...Object.entries(program.entries).map(([out, source]) => `${out}=${source}`),
    `--outdir=${join(folder, 'lib')}`,
    '--bundle',
    '--splitting',
    // All in one folder: a program starts a file beside it, and reads ../proto.
    '--chunk-names=[name]-[hash]',
    '--platform=node',
    '--format=esm',
    '--target=node26',
    '--conditions=@letterlock/source',
    `--banner:js=${banner}`,
    '--legal-comments=none',
    '--log-level=warning',
  ];
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`Cannot bundle: ${stderr}`);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  for (const source of program.protoFolders) cpSync(join(root, source), join(folder, 'proto'), { recursive: true });
  setModes(folder);
}

/** Modes that do not depend on who builds: everybody may read, nobody but root may write. */
export function setModes(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) setModes(path);
    else if (entry.isFile()) chmodSync(path, 0o644);
  }
}
