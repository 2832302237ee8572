import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cacheHome, checkHash, crate, fetchData } from './fetch-data.ts';
import { sumReports } from './sum-reports.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-wycheproof-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('sumReports()', () => {
  const line = JSON.stringify({ file: 'a_test.json', vectors: 3, falseAccepts: 0 });

  test('adds up vectors and false accepts', () => {
    const other = JSON.stringify({ file: 'b_test.json', vectors: 4, falseAccepts: 1 });
    expect(sumReports(`${line}\n${other}\n`)).toEqual({ files: 2, vectors: 7, falseAccepts: 1 });
  });

  test.each([
    { name: 'no report', text: '', error: 'no vector was run' },
    { name: 'only empty reports', text: line.replace('3', '0'), error: 'no vector was run' },
    { name: 'a file twice', text: `${line}\n${line}\n`, error: 'reported twice' },
    { name: 'a line that is not JSON', text: `${line}\nx\n`, error: 'is not a report' },
    { name: 'a count that is not whole', text: line.replace('3', '0.5'), error: 'is not a report' },
    { name: 'a negative count', text: line.replace('3', '-1'), error: 'is not a report' },
    { name: 'a missing count', text: line.replace('falseAccepts', 'accepts'), error: 'is not a report' },
    { name: 'a path for a file', text: line.replace('a_test', '../a_test'), error: 'is not a report' },
  ])('refuses $name', ({ text, error }) => {
    expect(() => sumReports(text)).toThrow(error);
  });
});

describe('fetchData()', () => {
  test('fails without data when cargo cannot deliver it', () => {
    const said: string[] = [];
    const environment = { XDG_CACHE_HOME: folder, PATH: folder };
    expect(() => fetchData(environment, (line) => said.push(line))).toThrow('cargo does not start');
    expect(said).toEqual([expect.stringContaining('Fetching the crate')]);
  });

  test('refuses a crate with another hash', () => {
    const archive = join(folder, `${crate.name}.crate`);
    writeFileSync(archive, 'not the crate');
    expect(() => checkHash(archive)).toThrow('its SHA-256 is');
  });

  test.each([
    { name: 'XDG_CACHE_HOME', environment: { XDG_CACHE_HOME: '/elsewhere' }, ending: '/elsewhere' },
    { name: 'the home folder when it is empty', environment: { XDG_CACHE_HOME: '' }, ending: '/.cache' },
    { name: 'the home folder', environment: {}, ending: '/.cache' },
  ])('takes the cache folder from $name', ({ environment, ending }) => {
    expect(cacheHome(environment).endsWith(ending)).toBe(true);
  });
});
