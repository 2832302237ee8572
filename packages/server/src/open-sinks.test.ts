import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSinks } from './open-sinks.ts';

const folder = mkdtempSync(join(tmpdir(), 'letterlock-sinks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('openSinks()', () => {
  test('opens one writer for each, in order', async () => {
    const writers = openSinks(['stdout', `file:${join(folder, 'audit.jsonl')}`, 'https://collector.example/in']);
    expect(writers.map(({ kind }) => kind)).toEqual(['stdout', 'file', 'http']);
    for (const writer of writers) await writer.close();
  });

  test.each([
    ['a folder that is not there', join(folder, 'none', 'audit.jsonl'), 'ENOENT'],
    ['a folder', folder, 'EISDIR'],
    ['a device', '/dev/null', 'expected a regular file'],
  ])('3.12.8 refuses to start with %s', (_, path, why) => {
    expect(() => openSinks(['stdout', `file:${path}`])).toThrow(
      expect.objectContaining({ faults: [{ at: 'audit.sinks[1]', message: `cannot be written (${why})` }] }),
    );
  });
});
