/**
 * Runs the layer check over the repository and prints each violation as `path:line: reason`.
 * Must never change a file.
 * @module
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkLayers, type PackageExports, type SourceFile } from './check-layers.ts';

const root = join(import.meta.dirname, '../..');

function readSources(): readonly SourceFile[] {
  return globSync('{packages/*/src,tools,bench,demo,e2e}/**/*.ts', { cwd: root })
    .filter((path) => !path.includes('node_modules') && !path.endsWith('.d.ts'))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

function readPackageExports(): PackageExports {
  return Object.fromEntries(
    globSync('packages/*/package.json', { cwd: root }).map((path) => {
      const { exports } = JSON.parse(readFileSync(join(root, path), 'utf8')) as { readonly exports: object };
      return [path.split('/')[1] ?? '', Object.keys(exports)];
    }),
  );
}

const sources = readSources();
const violations = checkLayers(sources, readPackageExports());
for (const { path, line, reason } of violations) console.error(`${path}:${line}: ${reason}`);
console.log(`${sources.length} files, ${violations.length} forbidden`);
process.exitCode = violations.length === 0 ? 0 : 1;
