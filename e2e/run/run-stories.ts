/**
 * Runs stories step by step and prints a line for each: `ok 3 - 01-boot/02-server: its pod becomes Ready (4.2 s)`,
 * or `not ok 3 - …: ` and why.
 * It must never call a story good of which nothing ran.
 * @module
 */
import type { Step, Story, StoryFile } from './story.ts';

/** How a run ended. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

export interface RunOptions<W> {
  readonly world: W;
  readonly print: (line: string) => void;
  /** Only rows whose title contains it; steps that are no rows run as always. */
  readonly row?: string;
  /** Makes the world as a story expects it, before each. Default nothing. */
  readonly begin?: (world: W) => void;
  /** Lines that help to find out why a step failed. Default none. */
  readonly diagnose?: (world: W) => readonly string[];
  /** Milliseconds. */
  readonly now: () => number;
}

const defaultSeconds = 60;

type Runnable<W> = {
  readonly [K in keyof Story]: K extends 'files'
    ? readonly { readonly name: StoryFile['name']; readonly steps: readonly RunnableStep<W>[] }[]
    : K extends 'teardown'
      ? (world: W) => Promise<void> | void
      : Story[K];
};
type RunnableStep<W> = Omit<Step, 'run'> & { readonly run: (world: W) => Promise<void> | void };

/** Runs them. A step that is no row and fails ends its story: the next ones build on it. */
export async function runStories<W>(stories: readonly Runnable<W>[], options: RunOptions<W>): Promise<Tally> {
  const { world, print, row, now } = options;
  let passed = 0;
  let failed = 0;
  const attempt = async (title: string, step: RunnableStep<W>): Promise<boolean> => {
    const started = now();
    const number = passed + failed + 1;
    try {
      await withDeadline(step.run(world), step.seconds ?? defaultSeconds);
      passed += 1;
      print(`ok ${number} - ${title} (${((now() - started) / 1000).toFixed(1)} s)`);
      return true;
    } catch (error) {
      failed += 1;
      const [why = '', ...more] = (error as Error).message.split('\n');
      print(`not ok ${number} - ${title}: ${why}`);
      for (const line of [...more.slice(0, 40), ...(options.diagnose?.(world) ?? [])]) print(`  # ${line}`);
      return false;
    }
  };
  const isChosen = ({ isRow, title }: RunnableStep<W>): boolean =>
    row === undefined || isRow !== true || title.includes(row);
  for (const story of stories) {
    const steps = story.files.flatMap(({ name, steps: each }) => each.filter(isChosen).map((step) => ({ name, step })));
    // With ROW, a story without that row has nothing to say.
    if (row !== undefined && !steps.some(({ step }) => step.isRow === true)) continue;
    print(`# ${story.name}`);
    options.begin?.(world);
    let isWhole = true;
    for (const { name, step } of steps) {
      isWhole = (await attempt(`${story.name}/${name}: ${step.title}`, step)) || step.isRow === true;
      if (!isWhole) break;
    }
    await attempt(`${story.name}/teardown`, { title: 'teardown', run: story.teardown, seconds: 120 });
  }
  if (passed + failed === 0) {
    failed += 1;
    print('not ok 1 - there is no story or row of that name');
  }
  return { passed, failed };
}

async function withDeadline(run: Promise<void> | void, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It took longer than ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([run, late]);
  } finally {
    clearTimeout(timer);
  }
}
