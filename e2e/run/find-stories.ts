/**
 * Finds the stories: folders beside this one with files named `NN-….test.ts`, and perhaps a `teardown.ts`.
 * It must never find a file twice, nor change the order of the numbers.
 * @module
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Step, Story, StoryFile } from './story.ts';

const numbered = /^(\d\d-.+)\.test\.ts$/;

/** Stories whose name contains the text, in order. @throws Error if a file has no steps */
export async function findStories(root: string, text = ''): Promise<Story[]> {
  const names = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.includes(text))
    .map((entry) => entry.name)
    .filter((name) => readdirSync(join(root, name)).some((file) => numbered.test(file)));
  const stories: Story[] = [];
  for (const name of names.toSorted()) stories.push(await readStory(join(root, name), name));
  return stories;
}

async function readStory(folder: string, name: string): Promise<Story> {
  const files: StoryFile[] = [];
  for (const file of readdirSync(folder).toSorted()) {
    const short = numbered.exec(file)?.[1];
    if (short === undefined) continue;
    const { steps } = (await import(join(folder, file))) as { readonly steps?: readonly Step[] };
    if (steps === undefined || steps.length === 0) throw new Error(`Cannot run ${name}/${file}: it exports no steps`);
    files.push({ name: short, steps });
  }
  const last = join(folder, 'teardown.ts');
  const module = existsSync(last) ? ((await import(last)) as Partial<Pick<Story, 'teardown'>>) : {};
  return { name, files, teardown: module.teardown ?? (() => undefined) };
}
