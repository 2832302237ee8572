/**
 * Makes a copy of the working tree in which a change is seen by every package: its node_modules links into the copy.
 * Must never link a package of ours to the original, or tests of another package would run the unchanged source.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ourScope = '@letterlock';

/** Copies what git knows or would add from `root` to the empty folder `copy`. */
export function copySource(root: string, copy: string): void {
  for (const path of listSources(root)) {
    if (!existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    copyFileSync(join(root, path), join(copy, path));
  }
  linkModules(root, copy, '.');
  for (const name of readdirSync(join(copy, 'packages'))) linkModules(root, copy, join('packages', name));
}

function listSources(root: string): readonly string[] {
  return execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((path) => path !== '');
}

function linkModules(root: string, copy: string, folder: string): void {
  const from = join(root, folder, 'node_modules');
  if (!existsSync(from)) return;
  const to = join(copy, folder, 'node_modules');
  mkdirSync(join(to, ourScope), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== ourScope) symlinkSync(join(from, name), join(to, name));
  }
  if (folder !== '.') return;
  for (const name of readdirSync(join(copy, 'packages'))) {
    symlinkSync(join(copy, 'packages', name), join(to, ourScope, name));
  }
}
