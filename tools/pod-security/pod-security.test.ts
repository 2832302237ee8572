/**
 * The golden pods under Pod Security `restricted`, judged by Kubernetes' own library.
 * It must never pass because nothing was judged: a pod that is known to be wrong goes with them.
 * @module
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const run = promisify(execFile);
const golden = join(import.meta.dirname, '../../packages/core/src/injection/testing/golden');
/** A cold cache of Go builds for some minutes. */
const buildMilliseconds = 600_000;

/** Each takes away one thing that `restricted` wants of the agent's container. */
const wrongs = [
  { name: 'no seccomp profile at all', from: /\n\s+seccompProfile:\n\s+type: RuntimeDefault/g, to: '' },
  {
    name: 'escalation',
    from: /allowPrivilegeEscalation: false\n(\s+)capabilities:\n\s+drop:\n\s+- ALL\n\s+privileged/,
    to: 'privileged',
  },
  { name: 'root', from: /runAsUser: 65532/, to: 'runAsUser: 0' },
];

let folder: string;
let violations: ReadonlyMap<string, string>;

beforeAll(async () => {
  const { stdout: program } = await run(join(import.meta.dirname, 'build.sh'));
  folder = await mkdtemp(join(tmpdir(), 'pod-security-'));
  const right = await readFile(join(golden, 'deployment.injected.yaml'), 'utf8');
  for (const { name, from, to } of wrongs) await writeFile(join(folder, `${name}.yaml`), right.replace(from, to));
  const files = [
    ...(await readdir(golden)).filter((file) => file.endsWith('.yaml')).map((file) => join(golden, file)),
    ...wrongs.map(({ name }) => join(folder, `${name}.yaml`)),
  ];
  const { stdout } = await run(program.trim(), files);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  violations = new Map(lines.map(([file = '', found = '']) => [basename(file, '.yaml'), found]));
}, buildMilliseconds);

afterAll(async () => rm(folder, { recursive: true }));

describe('the golden pods', () => {
  test('are restricted before and after injection', () => {
    const wrongNames = new Set(wrongs.map(({ name }) => name));
    const found = [...violations].filter(([name]) => !wrongNames.has(name));
    expect(found.length).toBeGreaterThanOrEqual(30);
    expect(found.filter(([, text]) => text !== '')).toEqual([]);
  });

  test.each(wrongs)('are refused with $name', ({ name }) => {
    expect(violations.get(name)).toContain('letterlock-agent');
  });
});
