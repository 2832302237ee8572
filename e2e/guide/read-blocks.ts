/**
 * Reads the `sh` blocks of a page of the guide: the commands that tests run as they stand.
 * It must never leave one out, also not inside of a list.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

export interface Block {
  /** Of its section, without the signs; of the page for what stands before the first section. */
  readonly heading: string;
  readonly script: string;
}

/** @param page - path in the checkout */
export function readBlocks(page: string): readonly Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  const headings = [...text.matchAll(/^#+ (.+)$/gm)];
  return [...text.matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gm)].map((match) => ({
    heading: headings.findLast(({ index }) => index < match.index)?.[1] ?? '',
    script: match[2]!,
  }));
}

/** One script of bash of several blocks, which ends what it started in the background. */
export function scriptOf(blocks: readonly Block[]): string {
  const ending = "trap 'jobs -p | xargs -r kill 2> /dev/null || true' EXIT";
  return ['set -euo pipefail', ending, ...blocks.map(({ script }) => script)].join('\n');
}
