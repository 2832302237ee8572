import { describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { usePeople } from './testing/people.ts';

/** Two admins, both of them needed. */
const people = usePeople(2);
const first = `sha256:${'0a'.repeat(32)}`;
const second = `sha256:${'1b'.repeat(32)}`;
const shown = (stdout: string): unknown => JSON.parse(stdout);
const linesOf = (path: string): readonly string[] => readFileSync(path, 'utf8').trim().split('\n');

describe('what takes two admins', () => {
  test('is done when the second one has added a signature to the file', async () => {
    const file = people.home.path('images.signed');

    const waiting = await people.run('admin', `quorum images ${second} ${first} --file ${file}`);
    const again = await people.run('admin', `quorum images ${first} ${second} --file ${file} -o json`);
    const done = await people.run('second', `quorum images ${first} ${second} ${first} --file ${file} -o json`);
    const afterwards = await people.run('admin', `quorum images ${first} ${second} --file ${file} -o json`);

    expect(waiting).toMatchObject({ status: 0, stderr: '' });
    expect(waiting.stdout).toMatch(/^waiting +1 of 2 signatures\nnext +give \S+images\.signed to another admin/m);
    const operation = { op: 'images.set', images: [first, second], file };
    expect(shown(again.stdout)).toEqual({ ...operation, isDone: false, have: 1, k: 2 });
    expect(shown(done.stdout)).toEqual({ ...operation, isDone: true });
    // The answer to the second may have been lost.
    expect(shown(afterwards.stdout)).toEqual({ ...operation, isDone: true });
    expect(linesOf(file)).toHaveLength(2);
  });

  test('can be the mode of peer unseal', async () => {
    const file = people.home.path('off.signed');

    const waiting = await people.run('second', `quorum peer-unseal off --file ${file}`);
    const done = await people.run('admin', `quorum peer-unseal off --file ${file}`);

    expect([waiting.status, done.status]).toEqual([0, 0]);
    expect(done.stdout).toMatch(/^peer unseal +off$/m);
  });

  test('is not signed by who is no admin', async () => {
    const file = people.home.path('writer.signed');

    const ran = await people.run('writer', `quorum images ${first} --file ${file}`);

    expect(ran.status).toBe(3);
  });

  test.each([
    {
      name: 'says something else',
      by: 'second',
      command: `quorum images ${second} --file other.signed`,
      says: 'something else',
    },
    {
      name: 'is of another operation',
      by: 'second',
      command: 'quorum peer-unseal off --file other.signed',
      says: 'something else',
    },
  ] as const)('gets no signature from a file that $name', async ({ by, command, says }) => {
    const file = people.home.path('other.signed');
    await people.run('admin', `quorum images ${first} --file ${file}`);
    const before = linesOf(file);

    const ran = await people.run(by, command.replace('other.signed', file));

    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain(says);
    expect(linesOf(file)).toEqual(before);
  });

  test.each([
    { name: 'a digest that is none', command: 'quorum images sha256:abc --file x' },
    { name: 'no digest', command: 'quorum images --file x' },
    { name: 'an unknown mode', command: 'quorum peer-unseal on --file x' },
    { name: 'no file', command: `quorum images ${first}` },
    { name: 'a time without a unit', command: `quorum images ${first} --file x --for 5` },
  ])('is refused with $name', async ({ command }) => {
    expect((await people.run('admin', command)).status).toBe(2);
  });

  test('is refused with a file that holds something else', async () => {
    const file = people.home.path('text.signed');
    writeFileSync(file, 'not a signature\n');

    const ran = await people.run('admin', `quorum images ${first} --file ${file}`);

    expect(ran.status).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe('not a signature\n');
  });
});
