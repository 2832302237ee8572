import { mkdtempSync, openSync, readFileSync, readSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hasSet, writeSet, type FileToWrite } from './write-set.ts';

let root: string;
const file = (path: string, text: string, mode = 0o440): FileToWrite => ({ path, content: Buffer.from(text), mode });
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'letterlock-set-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('writeSet()', () => {
  test.each([0o440, 0o444, 0o400, 0o600])('writes a file with mode %o, whatever the mask is', (mode) => {
    const mask = process.umask(0o077);
    writeSet(root, [file('db/password', 'one', mode)]);
    process.umask(mask);
    expect(read('db/password')).toBe('one');
    expect(statSync(join(root, 'db/password')).mode & 0o777).toBe(mode);
  });

  test('replaces the whole set, and leaves nothing of the old one', () => {
    writeSet(root, [file('a', '1'), file('b/c', '1')]);
    writeFileSync(join(root, 'agent.sock'), '');
    writeSet(root, [file('a', '2'), file('d/e', '2')]);
    expect([read('a'), read('d/e')]).toEqual(['2', '2']);
    const names = readdirSync(root);
    expect(names.filter((name) => !name.startsWith('..'))).toEqual(['a', 'agent.sock', 'd']);
    expect(names.filter((name) => name.startsWith('..'))).toHaveLength(2);
  });

  test('a reader that has opened the folder sees one set only', () => {
    writeSet(root, [file('a', '1'), file('b', '1')]);
    const open = openSync(join(root, 'a'), 'r');
    writeSet(root, [file('a', '2'), file('b', '2')]);
    const bytes = Buffer.alloc(1);
    readSync(open, bytes);
    expect(bytes.toString()).toBe('1');
    expect(read('a') + read('b')).toBe('22');
  });

  test('a set that cannot be written leaves the old one', () => {
    writeSet(root, [file('a', '1')]);
    expect(() => writeSet(root, [file('b', '2'), file('b', '2')])).toThrow('EEXIST');
    expect(read('a')).toBe('1');
    expect(readdirSync(root).filter((name) => name.startsWith('..'))).toHaveLength(2);
  });

  test('turns a file into a folder and back', () => {
    writeSet(root, [file('a', '1')]);
    writeSet(root, [file('a/b', '2')]);
    expect(read('a/b')).toBe('2');
    writeSet(root, [file('a', '3')]);
    expect(read('a')).toBe('3');
  });

  test('is known to have been written', () => {
    expect(hasSet(root)).toBe(false);
    writeSet(root, []);
    expect(hasSet(root)).toBe(true);
  });
});
