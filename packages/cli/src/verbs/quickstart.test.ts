import { existsSync, readFileSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { makeHome, runCli, words, type Home, type Ran } from '../testing/run-cli.ts';
import { runAtTerminal } from '../testing/terminal.ts';

let home: Home;

beforeEach(() => {
  home = makeHome();
});

afterEach(() => home[Symbol.dispose]());

const run = (line: string): Promise<Ran> => runCli(words(`quickstart ${line}`), { home });
const values = (): unknown => parse(readFileSync(home.path('letterlock-values.yaml'), 'utf8'));

describe('letterlock quickstart', () => {
  test('writes keys, certificates and values, and says how to install', async () => {
    const { status, stdout } = await run('--mode transient');
    expect(status).toBe(0);
    const certificates = ['admin-1', 'admin-2'].map((name) => readFileSync(home.path(`${name}.crt`), 'utf8'));
    expect(values()).toEqual({ mode: 'transient', init: { certificates, threshold: 1 } });
    expect(statSync(home.path('admin-1.key')).mode & 0o777).toBe(0o600);
    expect(stdout).toContain(
      'helm install letterlock charts/letterlock --namespace letterlock-system --create-namespace --values letterlock-values.yaml',
    );
  });

  test('never puts a key into the values', async () => {
    await run('--mode durable');
    expect(readFileSync(home.path('letterlock-values.yaml'), 'utf8')).not.toContain('PRIVATE');
  });

  test('takes names, threshold and registry', async () => {
    await run('--mode durable --admins anna ben carla --threshold 3 --registry registry.example');
    expect(values()).toMatchObject({
      mode: 'durable',
      init: { threshold: 3 },
      image: { registry: 'registry.example' },
      agent: { image: { registry: 'registry.example' } },
    });
    expect(existsSync(home.path('carla.key'))).toBe(true);
  });

  test('takes the digest of the agent', async () => {
    const digest = `sha256:${'0f'.repeat(32)}`;
    await run(`--mode transient --agent-digest ${digest}`);
    expect(values()).toMatchObject({ agent: { image: { digest } } });
  });

  test('asks for the mode at a terminal, until it understands the answer', async () => {
    const { status, output } = await runAtTerminal(
      ['quickstart'],
      [
        ['durable):', 'both\r'],
        ['durable):', 'durable\r'],
      ],
      { home },
    );
    expect({ status, output }).toMatchObject({ status: 0 });
    expect(values()).toMatchObject({ mode: 'durable', init: { threshold: 2 } });
  });

  test.each([
    { name: 'no mode and no terminal', line: '', message: 'name it with --mode' },
    { name: 'another mode', line: '--mode ha', message: 'Cannot use --mode' },
    { name: 'one admin', line: '--mode transient --admins anna', message: 'need at least 2' },
    { name: 'one admin twice', line: '--mode transient --admins anna anna', message: 'Cannot use --admins' },
    { name: 'a name that is a path', line: '--mode transient --admins ../anna ben', message: 'Cannot use --admins' },
    { name: 'half a digest', line: '--mode transient --agent-digest sha256:0f', message: 'Cannot use --agent-digest' },
    { name: 'a threshold above the admins', line: '--mode transient --threshold 3', message: 'Cannot use --threshold' },
  ])('refuses $name, and writes nothing', async ({ line, message }) => {
    const { status, stderr } = await run(line);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
    expect(existsSync(home.path('letterlock-values.yaml'))).toBe(false);
    expect(existsSync(home.path('admin-1.key'))).toBe(false);
  });

  test('replaces nothing without being told, and leaves nothing half done', async () => {
    await run('--mode transient --admins zoe yves');
    const before = readFileSync(home.path('zoe.key'), 'utf8');
    const again = await run('--mode transient --admins anna zoe');
    expect(again.stderr).toContain('it exists');
    expect(existsSync(home.path('anna.key'))).toBe(false);
    expect(readFileSync(home.path('zoe.key'), 'utf8')).toBe(before);
  });
});
