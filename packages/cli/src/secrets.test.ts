import { describe, expect, test } from '@jest/globals';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { usePeople } from './testing/people.ts';

const people = usePeople();
let paths = 0;
/** A path of its own for each test, with grants for writer and reader. */
async function newPath(): Promise<string> {
  paths += 1;
  const path = `team-a/secret-${paths}`;
  for (const [who, verbs] of [
    ['writer', 'write,list,destroy'],
    ['reader', 'read,write'],
  ]) {
    const granted = await people.run('admin', `grant put --who ${who} --verbs ${verbs} --path ${path}`);
    expect(granted.status).toBe(0);
  }
  return path;
}
const memory = () => join(people.home.state, 'known-secrets.json');

describe('letterlock secret', () => {
  test('writes versions from a file and from standard input, reads each, and shows them', async () => {
    const path = await newPath();
    writeFileSync(people.home.path('one.txt'), 'one');
    const first = await people.run('writer', `secret write ${path} --to reader --file one.txt -o json`);
    const second = await people.run('writer', `secret write ${path} --to reader -q`, 'two');
    const latest = await people.run('reader', `secret read ${path}`);
    const old = await people.run('reader', `secret read ${path} --ver 1`);
    const listed = await people.run('writer', `secret list ${path.split('/')[0]!}`);
    const versions = await people.run('writer', `secret versions ${path} -o json`);

    expect(JSON.parse(first.stdout)).toMatchObject({ path, ver: 1, to: [people.service.people.reader.id] });
    expect([second.stdout, latest.stdout, old.stdout]).toEqual(['2\n', 'two', 'one']);
    expect(listed.stdout).toContain(path);
    expect(JSON.parse(versions.stdout)).toMatchObject({
      versions: [
        { ver: 2, state: 'STORED', writer: people.service.people.writer.id },
        { ver: 1, state: 'STORED' },
      ],
    });
  });

  test('writes a whole file for its owner alone, and replaces none', async () => {
    const path = await newPath();
    await people.run('writer', `secret write ${path} --to reader --type text/plain --name db.txt`, 'one');
    const first = await people.run('reader', `secret read ${path} --out ${paths}.txt -o json`);
    const again = await people.run('reader', `secret read ${path} --out ${paths}.txt`);
    const forced = await people.run('reader', `secret read ${path} --out ${paths}.txt --force`);

    const file = people.home.path(`${paths}.txt`);
    expect([first.status, again.status, forced.status]).toEqual([0, 2, 0]);
    expect(JSON.parse(first.stdout)).toEqual({
      path,
      ver: 1,
      file: `${paths}.txt`,
      from: people.service.people.writer.id,
      name: 'db.txt',
    });
    expect(readFileSync(file, 'utf8')).toBe('one');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('refuses a version that is taken, and names the latest', async () => {
    const path = await newPath();
    await people.run('writer', `secret write ${path} --to reader --ver 5`, 'one');
    const late = await people.run('writer', `secret write ${path} --to reader --ver 5`, 'two');
    const next = await people.run('writer', `secret write ${path} --to reader -q`, 'three');

    expect(late.status).toBe(2);
    expect(late.stderr).toContain('its latest version is 5 already');
    expect(next.stdout).toBe('6\n');
  });

  test('gives a stranger and a writer that is no reader the same as for nothing', async () => {
    const path = await newPath();
    await people.run('writer', `secret write ${path} --to reader`, 'one');
    const byWriter = await people.run('writer', `secret read ${path}`);
    const nothing = await people.run('reader', `secret read ${path}/none`);

    expect([byWriter.status, nothing.status]).toEqual([3, 3]);
    expect(byWriter.stderr.replaceAll(path, 'PATH')).toBe(nothing.stderr.replaceAll(`${path}/none`, 'PATH'));
  });

  test('refuses a writer that is not the wanted one', async () => {
    const path = await newPath();
    await people.run('writer', `secret write ${path} --to reader`, 'one');
    const read = await people.run('reader', `secret read ${path} --from second`);
    expect([read.status, read.stdout]).toEqual([8, '']);
  });

  test('adds a reader, who then reads it', async () => {
    const path = await newPath();
    await people.run('writer', `secret write ${path} --to reader`, 'one');
    const shared = await people.run('reader', `secret share ${path} --with writer -o json`);
    await people.run('admin', `grant put --who writer --verbs read --path ${path}`);
    const read = await people.run('writer', `secret read ${path}`);

    const { reader, writer } = people.service.people;
    expect(JSON.parse(shared.stdout)).toMatchObject({ ver: 2, to: [reader.id, writer.id] });
    expect(read.stdout).toBe('one');
  });

  test('destroys one version, which is then gone, provably', async () => {
    const path = await newPath();
    await people.run('writer', `secret write ${path} --to reader`, 'one');
    const without = await people.run('writer', `secret destroy ${path}`);
    const denied = await people.run('reader', `secret destroy ${path} --ver 1`);
    const destroyed = await people.run('writer', `secret destroy ${path} --ver 1 -o json`);
    const read = await people.run('reader', `secret read ${path}`);

    expect([without.status, denied.status, destroyed.status, read.status]).toEqual([2, 4, 0, 5]);
    expect(JSON.parse(destroyed.stdout)).toMatchObject({ path, ver: 1, state: 'DESTROYED' });
    expect(read.stderr).toContain('proved by a receipt');
  });

  test('keeps the highest version that it saw, and refuses a lower one as the latest', async () => {
    const path = await newPath();
    await people.run('writer', `secret write ${path} --to reader`, 'one');
    await people.run('reader', `secret read ${path}`);
    const { fingerprint } = people.service;
    const kept = JSON.parse(readFileSync(memory(), 'utf8')) as Record<string, Record<string, number>>;
    expect(kept[fingerprint]![path]).toBe(1);

    writeFileSync(memory(), JSON.stringify({ ...kept, [fingerprint]: { ...kept[fingerprint], [path]: 2 } }));
    const latest = await people.run('reader', `secret read ${path}`);
    const asked = await people.run('reader', `secret read ${path} --ver 1`);

    expect([latest.status, latest.stdout]).toEqual([8, '']);
    expect(latest.stderr).toContain('version 2 was seen before');
    expect([asked.status, asked.stdout]).toEqual([0, 'one']);
  });

  test.each([
    { name: 'a secret as an argument', command: 'secret write team-a/x hunter2 --to reader', status: 2 },
    { name: 'a path that is none', command: 'secret write Team-A/x --to reader', status: 2 },
    { name: 'a version that is none', command: 'secret read team-a/x --ver 1.5', status: 2 },
    { name: 'a reader that nobody knows', command: 'secret write team-a/x --to nobody', status: 2 },
    { name: 'JSON and content on one output', command: 'secret read team-a/x -o json', status: 2 },
    { name: 'sharing with nobody', command: 'secret share team-a/x', status: 2 },
    { name: 'a path without a grant', command: 'secret write other/x --to reader', status: 4 },
  ])('refuses $name', async ({ command, status }) => {
    const ran = await people.run('writer', command, 'content');
    expect([ran.status, ran.stdout]).toEqual([status, '']);
  });
});
