import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { certificatePem, createSelfSignedCertificate, generateSigningKey } from '@letterlock/crypto';
import { ending, refused } from './testing/refusal.ts';
import { makeHome, runCli, words, type Home } from './testing/run-cli.ts';

const secret = 'canary-3f9a77c1';
let home: Home;

// Each case starts the program, also on a busy machine.
jest.setTimeout(60_000);

beforeAll(async () => {
  home = makeHome();
  const pem = (name: string, text: string | Buffer, mode = 0o600): void =>
    writeFileSync(home.path(name), text, { mode });
  await runCli(words('key generate --out good.key'), { home });
  const good = readFileSync(home.path('good.key'), 'utf8');
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  pem('open.key', good, 0o644);
  chmodSync(home.path('open.key'), 0o644);
  pem('group.key', good);
  chmodSync(home.path('group.key'), 0o640);
  pem('encrypted.key', ec.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }));
  pem('pkcs1.key', rsa.export({ format: 'pem', type: 'pkcs1' }));
  pem('sec1.key', ec.export({ format: 'pem', type: 'sec1' }));
  pem('openssh.key', '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n');
  pem(
    'public.key',
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' }),
  );
  pem(
    'secp256k1.key',
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
  );
  pem(
    'rsa1024.key',
    generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
  );
  pem('text.key', `${good}\nsome text`);
  pem('crlf.key', `\uFEFF${good.replaceAll('\n', '  \r\n')}\r\n`);
  pem(
    'three.key',
    good + generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
  );
  mkdirSync(home.path('folder'));
  execFileSync('mkfifo', [home.path('fifo')]);
  pem('exists', 'precious');
  pem('long', Buffer.alloc(600_000));
  pem('secret', secret);
});

afterAll(() => home[Symbol.dispose]());

function run(
  command: string,
  options: { input?: string; environment?: Record<string, string>; more?: readonly string[] } = {},
) {
  return runCli([...words(command), ...(options.more ?? [])], {
    home,
    input: options.input ?? '',
    ...(options.environment === undefined ? {} : { environment: options.environment }),
  });
}

const wrapOf = '--key good.key --offline --to AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA --path a --out out';

describe('input files (3.9-1)', () => {
  test.each([
    { name: 'a missing file', file: 'nothing', message: /nothing does not exist/ },
    { name: 'a folder', file: 'folder', message: /folder is a folder/ },
    { name: 'a named pipe', file: 'fifo', message: /fifo is a named pipe/ },
    { name: '/dev/zero', file: '/dev/zero', message: /\/dev\/zero is a device/ },
    { name: 'more than the limit', file: 'long', message: /longer than 524288 bytes/ },
  ])('refuses $name', async ({ file, message }) => {
    await run('key show --key good.key --keyset --quiet').then(({ stdout }) =>
      writeFileSync(home.path('own.keyset'), stdout),
    );
    const { stdout: id } = await run('key show --key good.key --quiet');

    expect(
      await ending(
        run(`wrap --key good.key --offline --to ${id.trim()} --keyset own.keyset --path a --out out --file ${file}`),
      ),
    ).toEqual(refused(message));
    expect(await ending(run(`key show --key ${file}`))).toEqual(
      refused(/Cannot read the key file|Cannot use the key file/),
    );
  });

  test('refuses a longer standard input', async () => {
    const { stdout: id } = await run('key show --key good.key --quiet');

    expect(
      await ending(
        run(`wrap --key good.key --offline --to ${id.trim()} --keyset own.keyset --path a --out out`, {
          input: 'x'.repeat(524_289),
        }),
      ),
    ).toEqual(refused(/longer than 524288 bytes/));
  });
});

describe('key files (3.9-2, 3.9-3, 3.9-4)', () => {
  test.each([
    { name: 'mode 0644', file: 'open.key', message: /0644.*\(key_permissions\); chmod 600 \S*open\.key\n/ },
    { name: 'mode 0640', file: 'group.key', message: /0640.*chmod 600/ },
    { name: 'an encrypted key', file: 'encrypted.key', message: /encrypted; accepted is unencrypted PKCS#8/ },
    { name: 'PKCS#1', file: 'pkcs1.key', message: /PKCS#1; accepted is unencrypted PKCS#8/ },
    { name: 'SEC1', file: 'sec1.key', message: /SEC1; accepted is unencrypted PKCS#8/ },
    { name: 'OpenSSH', file: 'openssh.key', message: /OpenSSH; accepted is unencrypted PKCS#8/ },
    { name: 'a public key', file: 'public.key', message: /something else than a private key; accepted/ },
    { name: 'another curve', file: 'secp256k1.key', message: /key type or curve is not one of those allowed/ },
    { name: 'a short RSA key', file: 'rsa1024.key', message: /2048 to 4096 bits/ },
    { name: 'text around the key', file: 'text.key', message: /text outside PEM blocks/ },
  ])('refuses $name', async ({ file, message }) => {
    expect(await ending(run(`key show --key ${file}`))).toEqual(refused(message));
  });

  test('accepts a byte order mark, CRLF and trailing spaces', async () => {
    const [good, crlf] = [await run('key show --key good.key -q'), await run('key show --key crlf.key -q')];

    expect(crlf).toMatchObject({ status: 0, stdout: good.stdout });
  });

  test('takes a third key as an older one to receive with', async () => {
    const { stdout } = await run('key show --key three.key');

    expect(stdout).toMatch(/^older keys +1$/m);
  });
});

describe('output files (3.9-5)', () => {
  test.each([
    { name: 'key generate', command: 'key generate --out exists' },
    { name: 'key certificate', command: 'key certificate --key good.key --out exists' },
    { name: 'wrap --offline', command: `wrap ${wrapOf.replace('--out out', '--out exists')}` },
    { name: 'open', command: 'open AAAAAAAAAAAAAAAAAAAAAA --key good.key --out exists' },
  ])('$name does not overwrite', async ({ command }) => {
    expect(await ending(run(command, { input: 'x' }))).toEqual(refused(/exists: it exists; .*--force/));

    expect(readFileSync(home.path('exists'), 'utf8')).toBe('precious');
  });

  test('a missing folder is refused with the command that makes it', async () => {
    expect(await ending(run('key generate --out deep/er/a.key'))).toEqual(refused(/mkdir -p deep\/er/));
  });

  test('leaves no temporary file', async () => {
    await run('key generate --out exists --force');

    expect(readdirSync(home.folder).filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(readFileSync(home.path('exists'), 'utf8')).toContain('BEGIN PRIVATE KEY');
  });
});

describe('secrets on the command line (3.9-6)', () => {
  test.each([
    { name: 'as an argument', more: [secret] },
    { name: 'in an option', more: [`--password=${secret}`] },
    { name: 'behind an option', more: ['--secret', secret] },
  ])('$name are refused and not repeated', async ({ more }) => {
    const ran = await ending(run('wrap --to bob --path a', { more }));

    expect(ran).toEqual(refused(/--file or standard input/));
    expect(ran.stderr).not.toContain(secret);
  });

  test('as a passphrase are refused and not repeated', async () => {
    const ran = await ending(run('key import good.key --out new.key', { more: [`--passphrase=${secret}`] }));

    expect(ran).toEqual(refused(/standard input/));
    expect(ran.stderr).not.toContain(secret);
  });
});

describe('questions without a terminal (3.9-7)', () => {
  test('a passphrase ends with status 2 and says what to give', async () => {
    expect(await ending(run('key import encrypted.key --out new.key'))).toEqual(
      refused(/not a terminal; give it with --passphrase-file/),
    );
  });
});

describe('the clock (3.9-8)', () => {
  test.each([
    { name: 'an hour behind', skewSeconds: 3600, status: 1, words: 'behind' },
    { name: 'an hour ahead', skewSeconds: -3600, status: 1, words: 'ahead' },
  ])('$name shows both times', async ({ skewSeconds, status, words: direction }) => {
    const there = new Date(Date.now() + skewSeconds * 1000);
    const server = await startStranger(there);
    try {
      const ran = await run(
        `doctor --address https://localhost:${(server.address() as AddressInfo).port} --key good.key`,
      );

      expect(ran.status).toBe(status);
      expect(ran.stdout).toMatch(
        new RegExp(
          `^FAIL +clock: here \\S+ \\S+ UTC, at the service ${there.toISOString().slice(0, 13).replace('T', ' ')}\\S+ UTC: 3\\d{3} s ${direction}`,
          'm',
        ),
      );
    } finally {
      server.close();
    }
  });
});

describe('mistyped words', () => {
  test.each([
    { name: 'verb', command: 'wrp', hint: /did you mean wrap\?/ },
    { name: 'verb of a group', command: 'key generat', hint: /did you mean generate\?/ },
    { name: 'option', command: 'wrap --pth a', hint: /did you mean --path\?/ },
    { name: 'duration', command: 'wrap --key good.key --offline --to x --path a --out out --expires 24', hint: /24h/ },
    { name: 'address', command: 'status --address http://a.example', hint: /https:\/\/host/ },
    { name: 'wrap id', command: 'open abc', hint: /22 characters/ },
    { name: 'server flag', command: 'server --trust-domian a.example', hint: /did you mean --trust-domain\?/ },
  ])('a $name is refused with a hint', async ({ command, hint }) => {
    const ran = await run(command);

    expect({ status: ran.status, stdout: ran.stdout }).toEqual({ status: 2, stdout: '' });
    expect(ran.stderr).toMatch(hint);
  });
});

/** A service that nobody initialised, with a clock of its own. */
async function startStranger(date: Date): Promise<Server> {
  const key = generateSigningKey();
  const seconds = Math.floor(Date.now() / 1000);
  const certificate = createSelfSignedCertificate({
    key,
    commonName: 'stranger',
    notBeforeSeconds: seconds - 60,
    notAfterSeconds: seconds + 3600,
  });
  const tls = { cert: certificatePem(certificate), key: key.keyObject.export({ format: 'pem', type: 'pkcs8' }) };
  const server = createServer(tls, (_request, response) => {
    response.sendDate = false;
    response.writeHead(200, { 'content-type': 'application/json', date: date.toUTCString() });
    response.end('{"state":"uninitialised","td":"stranger.example","v":1}');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}
