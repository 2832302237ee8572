import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const run = promisify(execFile);
const packageFolder = join(import.meta.dirname, '..');

/** Runs the example as a reader would: copied out of the README into a file, nothing added. */
test('the example of the README runs and prints what it says', async () => {
  const readme = await readFile(join(packageFolder, 'README.md'), 'utf8');
  const [, example] = /```ts\n([^]*?)```/.exec(readme) ?? [];
  const folder = await mkdtemp(join(tmpdir(), 'letterlock-readme-'));
  try {
    await symlink(join(packageFolder, '..', '..', 'node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'example.mts'), example!);
    const { stdout } = await run(
      process.execPath,
      ['--conditions=@letterlock/source', '--disable-warning=ExperimentalWarning', 'example.mts'],
      { cwd: folder, env: {}, timeout: 20_000 },
    );
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^Keep until acknowledged: [\w-]{22}$/),
      '28 bytes from alice',
      'Proven: OPENED',
      '',
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 30_000);
