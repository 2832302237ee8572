/**
 * Whether the table of attacks tells the truth: rows, guards, tests and mutants that it names exist, and no row is left out.
 * Must never run an attack: that takes a cluster.
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { mutants } from '../../tools/mutants/mutants.ts';
import { attacks as guardAttacks } from '../02-guards/attacks.ts';
import { findStories } from '../run/find-stories.ts';
import { attacks } from './attack-table.ts';

const root = join(import.meta.dirname, '../..');
const stories = ['02-guards', '03-deliver', '05-attacks'];
const ofGuard = /^02-guards\/02-attacks: /;

let rows: readonly string[];

beforeAll(async () => {
  const found = await Promise.all(stories.map((name) => findStories(join(root, 'e2e'), name)));
  rows = found
    .flat()
    .flatMap(({ name, files }) =>
      files.flatMap((file) =>
        file.steps.filter(({ isRow }) => isRow === true).map(({ title }) => `${name}/${file.name}: ${title}`),
      ),
    );
});

describe.each(attacks)('$name', (attack) => {
  const { guards = [], contrary = [], tests = [] } = attack;

  test('is tried somewhere', () => {
    expect(attack.rows.length + guards.length + tests.length).toBeGreaterThan(0);
  });

  test('has something that shows that the trial can fail', () => {
    expect(guards.length + (attack.mutants ?? []).length).toBeGreaterThan(0);
  });

  test('names rows that exist', () => {
    expect([...attack.rows, ...contrary].filter((title) => !rows.includes(title))).toEqual([]);
  });

  test('names guards that are attacked, and whose attacks pass without them', () => {
    for (const guard of guards) {
      expect(Object.keys(guardAttacks)).toContain(guard);
      expect(rows).toContain(`02-guards/02-attacks: ${guard}: without its binding, all of that is accepted`);
    }
  });

  test('names tests and mutants that exist', () => {
    expect(tests.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    expect((attack.mutants ?? []).filter((part) => !mutants.some(({ name }) => name.includes(part)))).toEqual([]);
  });
});

test('every row of the stories is of an attack', () => {
  const named = new Set(attacks.flatMap((attack) => [...attack.rows, ...(attack.contrary ?? [])]));
  expect(rows.filter((row) => !ofGuard.test(row) && !named.has(row))).toEqual([]);
});

test('every guard is of an attack', () => {
  const named = attacks.flatMap(({ guards = [] }) => guards);
  expect(Object.keys(guardAttacks).filter((guard) => !named.includes(guard))).toEqual([]);
});

test('no attack is there twice', () => {
  expect(new Set(attacks.map(({ name }) => name)).size).toBe(attacks.length);
});
