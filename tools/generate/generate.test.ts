import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generateAll } from './generate.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'letterlock-generate-'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const generators = [{ file: 'docs/a.md', generate: () => 'new\n' }];

describe('generateAll()', () => {
  test('writes a file that is missing, once', async () => {
    expect(await generateAll(root, generators, { isCheck: false })).toEqual(['docs/a.md']);
    expect(readFileSync(join(root, 'docs/a.md'), 'utf8')).toBe('new\n');
    expect(await generateAll(root, generators, { isCheck: true })).toEqual([]);
  });

  test('names a stale file in a check and leaves it', async () => {
    const flat = [{ file: 'a.md', generate: () => Promise.resolve('new\n') }];
    writeFileSync(join(root, 'a.md'), 'old\n');
    expect(await generateAll(root, flat, { isCheck: true })).toEqual(['a.md']);
    expect(readFileSync(join(root, 'a.md'), 'utf8')).toBe('old\n');
  });
});
