/**
 * Runs every `sh` block of the guide, page by page, as it stands.
 * @module
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readBlocks, scriptOf } from './read-blocks.ts';

const root = join(import.meta.dirname, '..', '..');
/** Pages with commands. They use the default ports, so they run one after the other. */
const pages = [
  'docs/guide/first-wrap.md',
  'docs/guide/secrets.md',
  'docs/guide/with-curl.md',
  'docs/guide/quorum.md',
  'docs/guide/smart-cards.md',
  'docs/guide/audit.md',
  'docs/guide/operations.md',
  'docs/guide/replicas.md',
  'docs/guide/losing-keys.md',
  'docs/guide/backup.md',
  'docs/guide/monitoring.md',
];
/** Built once for all tests of the machine; the first time takes a minute or two. */
const etcdMilliseconds = 420_000;
/** A page with drills starts some eighty programs, on a machine that has other work too. */
const pageMilliseconds = 300_000;

/** Fetched once for all tests of the machine. */
const cardsMilliseconds = 300_000;

let etcdFolder = '';
let cardsFolder = '';
beforeAll(() => {
  const fetched = spawnSync(join(root, 'tools/smart-cards/install.sh'), {
    encoding: 'utf8',
    timeout: cardsMilliseconds,
  });
  if (fetched.status !== 0) throw new Error(`Cannot get smart cards: ${fetched.stderr}`);
  cardsFolder = fetched.stdout.trim();
}, cardsMilliseconds);
beforeAll(() => {
  const built = spawnSync(join(root, 'tools/etcd/build.sh'), ['--with-tools'], {
    encoding: 'utf8',
    timeout: etcdMilliseconds,
  });
  if (built.status !== 0) throw new Error(`Cannot build etcd: ${built.stderr}`);
  etcdFolder = dirname(built.stdout.trim());
}, etcdMilliseconds);

describe('guide', () => {
  test.each(pages)(
    '%s runs as it is written',
    (page) => {
      const blocks = readBlocks(page);
      expect(blocks.length).toBeGreaterThan(3);
      const home = mkdtempSync(join(tmpdir(), 'letterlock-guide-'));
      try {
        const run = spawnSync('bash', ['-c', scriptOf(blocks)], {
          cwd: home,
          encoding: 'utf8',
          env: {
            PATH: `${join(root, 'packages/cli/bin')}:${etcdFolder}:${join(cardsFolder, 'bin')}:${process.env['PATH'] ?? ''}`,
            HOME: home,
            SOFTHSM2_MODULE: join(cardsFolder, 'libsofthsm2.so'),
          },
          timeout: pageMilliseconds,
        });
        expect({ status: run.status, output: run.status === 0 ? '' : `${run.stdout}${run.stderr}` }).toEqual({
          status: 0,
          output: '',
        });
      } finally {
        // A program of the page may still be writing while it ends.
        rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
      }
    },
    pageMilliseconds + 10_000,
  );
});
