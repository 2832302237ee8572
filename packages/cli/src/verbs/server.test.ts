import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createServer, type AddressInfo } from 'node:net';
import { freePort } from '../testing/relay.ts';
import { finish, makeHome, runCli, startCli, words, type Home } from '../testing/run-cli.ts';
import { parseFlags } from './server.ts';

jest.setTimeout(60_000);
let home: Home;

beforeAll(async () => {
  home = makeHome();
  for (const name of ['a', 'b']) await runCli(words(`init admin --name ${name}`), { home });
});
afterAll(() => home[Symbol.dispose]());

const booleans = new Set(['--accept-single-holder']);
const serve = (port: number): string =>
  `server --trust-domain test.example --store memory --init-certificates a.crt,b.crt --listen-direct 127.0.0.1:${port} --listen-health none`;

describe('letterlock server', () => {
  test('says who it is, and stops with status 0 when it is told to', async () => {
    const port = await freePort();
    const child = startCli(words(serve(port)), { home });
    const ended = finish(child);
    await new Promise((resolve) => child.stderr?.once('data', resolve));
    const { stdout: shown } = await runCli(words(`status --address https://localhost:${port} -o json`), { home });
    child.kill('SIGTERM');
    const { status, stderr, stdout } = await ended;

    const { fingerprint } = JSON.parse(shown) as { readonly fingerprint: string };
    expect(status).toBe(0);
    expect(stderr).toContain(`address       https://localhost:${port}`);
    expect(stderr).toMatch(new RegExp(`^fingerprint +${fingerprint}$`, 'm'));
    expect(stderr).toMatch(/^boot +[\w-]{43}$/m);
    expect(stdout).toContain('"msg":"Stopped"');
    expect(stdout + stderr).not.toContain('PRIVATE');
  });

  test.each([
    { name: 'API', command: (taken: number) => serve(taken) },
    { name: 'health', command: (taken: number) => serve(0).replace('none', `127.0.0.1:${taken}`) },
  ])('says that the port of the $name listener is taken, and ends', async ({ command }) => {
    const other = createServer();
    await new Promise<void>((resolve) => {
      other.listen(0, '127.0.0.1', resolve);
    });
    const { status, stderr } = await runCli(words(command((other.address() as AddressInfo).port)), { home });
    other.close();

    expect(status).toBe(7);
    expect(stderr).toMatch(/the address is in use; .*--listen-direct/);
  });

  test.each([
    {
      name: 'one certificate alone',
      command: serve(1).replace('a.crt,b.crt', 'a.crt'),
      message: /acceptSingleHolder|accept-single-holder/,
    },
    { name: 'a missing file', command: 'server --config nothing.yaml', message: /file: cannot be read/ },
    { name: 'an argument', command: 'server letterlock.yaml', message: /a flag was expected/ },
  ])('refuses $name', async ({ command, message }) => {
    const { status, stderr } = await runCli(words(command), { home });

    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('lists every setting in its help', async () => {
    const { stdout } = await runCli(words('server --help'), { home });

    expect(stdout).toContain('--trust-domain <text> (required)');
    expect(stdout).toContain('LETTERLOCK_LISTEN_DIRECT');
    expect(stdout).toContain('Examples:');
  });
});

describe('parseFlags()', () => {
  test.each([
    { name: 'a value behind', words: ['--a', '1'], flags: { a: '1' } },
    { name: 'a value with =', words: ['--a=1=2'], flags: { a: '1=2' } },
    {
      name: 'a boolean alone',
      words: ['--accept-single-holder', '--a', '1'],
      flags: { 'accept-single-holder': true, a: '1' },
    },
    {
      name: 'a boolean with a word',
      words: ['--accept-single-holder', 'false'],
      flags: { 'accept-single-holder': 'false' },
    },
    { name: 'a repeated flag', words: ['--a', '1', '--a', '2', '--a=3'], flags: { a: ['1', '2', '3'] } },
    { name: 'a flag without its value', words: ['--a', '--b', '1'], flags: { a: true, b: '1' } },
  ])('reads $name', ({ words: given, flags }) => {
    expect(parseFlags(given, booleans)).toEqual(flags);
  });

  test.each([{ given: ['a'] }, { given: ['--accept-single-holder', 'x'] }, { given: ['--'] }])(
    'refuses $given',
    ({ given }) => {
      expect(() => parseFlags(given, booleans)).toThrow('a flag was expected');
    },
  );
});
