/**
 * Writes generated files, or says which of them no longer are what their sources make.
 * Must never write anything in a check.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Generator } from './generators.ts';

/** Returns the files whose text differs from what is on disk, and writes them unless `isCheck`. */
export async function generateAll(
  root: string,
  generators: readonly Generator[],
  { isCheck }: { readonly isCheck: boolean },
): Promise<readonly string[]> {
  const stale: string[] = [];
  for (const { file, generate } of generators) {
    const path = join(root, file);
    const text = await generate();
    if (textOf(path) === text) continue;
    stale.push(file);
    if (isCheck) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return stale;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
