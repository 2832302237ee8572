/** `letterlock audit` on the files of a real service, offline. @module */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { on, once } from 'node:events';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { startTestServer } from '@letterlock/client/testing';
import { makeHome, runCli, startCli, type Home } from './testing/run-cli.ts';

let home: Home;
let fingerprint: string;
let lines: readonly string[];

beforeAll(async () => {
  home = makeHome();
  const path = home.path('audit.jsonl');
  await using server = await startTestServer({ flags: { 'audit-sinks': [`file:${path}`] } });
  await server.createIdentity('alice', [{ path: 'team-a', verbs: ['wrap'] }]);
  await server.close();
  fingerprint = server.fingerprint;
  lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
});
afterAll(() => home[Symbol.dispose]());

function write(name: string, content: readonly string[]): string {
  writeFileSync(home.path(name), content.map((line) => `${line}\n`).join(''));
  return name;
}
const run = (...words: readonly string[]) => runCli(['audit', ...words], { home });

describe('letterlock audit verify', () => {
  test('says that a trail is whole, what it holds and what is not covered', async () => {
    const extra = lines[0]!.replace('"seq":1,', `"seq":${lines.length},`);
    const ran = await run('verify', write('more.jsonl', [...lines, extra]), '--trust', fingerprint, '-o', 'json');
    expect({ status: ran.status, result: JSON.parse(ran.stdout) }).toMatchObject({
      status: 0,
      result: { isWhole: true, records: lines.length, checkpoints: 1, uncovered: 1, findings: [], fingerprint },
    });
    const shown = await run('verify', 'audit.jsonl', '--through', '1', '--trust', fingerprint);
    expect(shown.stdout).toMatch(/^trail +whole$/m);
    expect(shown.stdout).toMatch(/^not covered +0$/m);
  });

  test.each<[string, (whole: readonly string[]) => readonly string[], RegExp]>([
    [
      'one byte changed',
      (whole) => whole.with(1, whole[1]!.replace('"req":"', '"req":"x')),
      /are not those that checkpoint 1/,
    ],
    ['a record removed', (whole) => whole.toSpliced(1, 1), /Missing: records 2 of replica/],
    [
      'two records swapped',
      (whole) => whole.with(1, whole[2]!).with(2, whole[1]!),
      /:3: Number 2 of .* stands after number 3/,
    ],
    ['the checkpoint removed', (whole) => whole.slice(0, -1), /Missing: checkpoints 1/],
  ])('exits with 8: %s', async (_, change, found) => {
    const name = write('changed.jsonl', change(lines));
    const { status, stdout, stderr } = await run('verify', name, '--through', '1', '--trust', fingerprint);
    expect({ status, stderr }).toEqual({ status: 8, stderr: expect.stringContaining('The audit trail is not whole') });
    expect(stdout).toMatch(/^trail +NOT whole$/m);
    expect(stdout).toMatch(found);
  });

  test('exits with 8 for another fingerprint', async () => {
    const { status, stdout } = await run('verify', 'audit.jsonl', '--trust', `A${fingerprint.slice(1)}`);
    expect(status).toBe(8);
    expect(stdout).toContain('not signed by the expected instance key');
  });

  test('takes several files and standard input, and leaves out half a line at the end', async () => {
    write('first.jsonl', lines.slice(0, 2));
    const input = `${lines.slice(2).join('\n')}\n{"act"`;
    const given = ['audit', 'verify', 'first.jsonl', '-', '--trust', fingerprint, '-o', 'json'];
    const { status, stdout, stderr } = await runCli(given, { home, input });
    expect({ status, ...(JSON.parse(stdout) as object) }).toMatchObject({ status: 0, isWhole: true, checkpoints: 1 });
    expect(stderr).toContain('is not complete');
  });

  test.each([
    [['verify', 'none.jsonl']],
    [['verify', 'audit.jsonl', '--through', '0']],
    [['verify', 'audit.jsonl', '--trust', 'x']],
  ])('exits with 2: %j', async (words) => {
    const trust = words.includes('--trust') ? [] : ['--trust', fingerprint];
    expect(await run(...words, ...trust)).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('letterlock audit tail', () => {
  test('shows the last lines to a person, and as they are to a program', async () => {
    const shown = await run('tail', 'audit.jsonl', '--lines', '2');
    expect(shown.status).toBe(0);
    expect(shown.stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC {2}\S+ {2}\S+ {2}by \S+ {2}ok\ncheckpoint\n$/);
    const json = await run('tail', 'audit.jsonl', '-o', 'json');
    expect(json.stdout).toBe(`${lines.join('\n')}\n`);
  });

  test('follows what is added, over a rotation', async () => {
    write('live.jsonl', lines.slice(0, 1));
    const child = startCli(['audit', 'tail', 'live.jsonl', '--follow', '-o', 'json'], { home });
    let seen = '';
    const until = async (wanted: string): Promise<void> => {
      for await (const [chunk] of on(child.stdout!, 'data')) {
        seen += String(chunk);
        if (seen === wanted) return;
      }
    };
    await until(`${lines[0]}\n`);
    appendFileSync(home.path('live.jsonl'), `${lines[1]}\n`);
    await until(`${lines[0]}\n${lines[1]}\n`);
    renameSync(home.path('live.jsonl'), home.path('live.jsonl.1'));
    write('live.jsonl', lines.slice(2, 3));
    await until(`${lines[0]}\n${lines[1]}\n${lines[2]}\n`);
    child.kill('SIGINT');
    await once(child, 'exit');
    expect(seen).toBe(`${lines[0]}\n${lines[1]}\n${lines[2]}\n`);
  });

  test('shows nothing of a line that could harm a terminal', async () => {
    const evil = lines[0]!.replace('"who":"service"', '"who":"\u001B[31m"');
    write('evil.jsonl', [evil.replaceAll('\u001B', '\\u001b')]);
    const { stdout } = await run('tail', 'evil.jsonl');
    expect(stdout).not.toContain('\u001B');
    expect(stdout).toContain('by \\x1b[31m');
  });
});
