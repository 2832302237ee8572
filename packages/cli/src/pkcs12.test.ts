import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openssl } from './testing/openssl.ts';
import { makeHome, runCli, words, type Home } from './testing/run-cli.ts';

jest.setTimeout(60_000);

const passphrase = 'correct horse';
let home: Home;

beforeAll(() => {
  home = makeHome();
  const at = home.path;
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('ec.sec1'));
  openssl('pkcs8', '-topk8', '-nocrypt', '-in', at('ec.sec1'), '-out', at('ec.pem'));
  openssl('req', '-new', '-x509', '-key', at('ec.pem'), '-subj', '/CN=ec', '-days', '30', '-out', at('ec.crt'));
  openssl('genrsa', '-out', at('rsa.pem'), '3072');
  openssl('req', '-new', '-x509', '-key', at('rsa.pem'), '-subj', '/CN=rsa', '-days', '30', '-out', at('rsa.crt'));
  const make = (name: string, key: string, ...more: readonly string[]): void =>
    openssl(
      'pkcs12',
      '-export',
      '-inkey',
      at(`${key}.pem`),
      '-in',
      at(`${key}.crt`),
      '-out',
      at(name),
      '-passout',
      `pass:${passphrase}`,
      ...more,
    );
  make('ec.p12', 'ec');
  make('rsa.p12', 'rsa');
  make('old.p12', 'rsa', '-legacy');
  make('nomac.p12', 'ec', '-nomac');
  make('slow.p12', 'ec', '-iter', '1000001');
  openssl(
    'pkcs12',
    '-export',
    '-nokeys',
    '-in',
    at('ec.crt'),
    '-out',
    at('nokey.p12'),
    '-passout',
    `pass:${passphrase}`,
  );
  openssl('pkcs8', '-topk8', '-in', at('ec.sec1'), '-out', at('encrypted.pem'), '-passout', `pass:${passphrase}`);
  openssl(
    'pkcs8',
    '-topk8',
    '-in',
    at('ec.sec1'),
    '-outform',
    'DER',
    '-out',
    at('encrypted.der'),
    '-passout',
    `pass:${passphrase}`,
  );
  openssl('pkcs8', '-topk8', '-nocrypt', '-in', at('ec.sec1'), '-outform', 'DER', '-out', at('plain.der'));
  writeFileSync(at('damaged.p12'), readFileSync(at('ec.p12')).with(300, 0));
  writeFileSync(at('deep.p12'), nested(12_000));
  writeFileSync(at('long.p12'), Buffer.concat([readFileSync(at('ec.p12')), Buffer.alloc(66_000)]));
});

afterAll(() => home[Symbol.dispose]());

/** A PFX-like shell of so many sequences inside each other. */
function nested(depth: number): Buffer {
  let content: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level += 1) content = sequence(content);
  return sequence(Buffer.concat([Buffer.from([2, 1, 3]), content]));
}

function sequence(content: Buffer): Buffer {
  const { length } = content;
  const head = length < 128 ? [0x30, length] : [0x30, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

function importKey(file: string, input = passphrase): ReturnType<typeof runCli> {
  return runCli(words(`key import ${file} --out ${file}.key --passphrase-file - --force`), {
    home,
    input: `${input}\n`,
  });
}

function publicKeyOf(file: string): string {
  return createPublicKey(createPrivateKey(readFileSync(home.path(file)))).export({
    format: 'pem',
    type: 'spki',
  });
}

describe('letterlock key import', () => {
  test.each([
    { name: 'PKCS#12 with a P-256 key', file: 'ec.p12', original: 'ec.pem' },
    { name: 'PKCS#12 with an RSA key', file: 'rsa.p12', original: 'rsa.pem' },
    { name: 'PKCS#12 with the algorithms of old', file: 'old.p12', original: 'rsa.pem' },
    { name: 'encrypted PKCS#8 in PEM', file: 'encrypted.pem', original: 'ec.pem' },
    { name: 'encrypted PKCS#8 in DER', file: 'encrypted.der', original: 'ec.pem' },
    { name: 'PKCS#8 in DER', file: 'plain.der', original: 'ec.pem' },
    { name: 'PKCS#8 in PEM', file: 'ec.pem', original: 'ec.pem' },
  ])('reads $name', async ({ file, original }) => {
    const { status, stderr } = await importKey(file);

    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringContaining('Cannot') });
    expect(publicKeyOf(`${file}.key`)).toBe(publicKeyOf(original));
    expect(statSync(home.path(`${file}.key`)).mode & 0o777).toBe(0o600);
  });

  test.each([
    { name: 'PKCS#12 without a MAC', file: 'nomac.p12', message: /it has no MAC/ },
    {
      name: 'PKCS#12 with more than a million rounds',
      file: 'slow.p12',
      message: /iteration count is above one million/,
    },
    { name: 'PKCS#12 without a key', file: 'nokey.p12', message: /holds no private key/ },
    {
      name: 'PKCS#12 with a flipped byte',
      file: 'damaged.p12',
      message: /passphrase is wrong, or the file was changed|damaged/,
    },
    { name: 'PKCS#12 of 12,000 levels', file: 'deep.p12', message: /not PKCS#12, or damaged/ },
    { name: 'PKCS#12 above 64 KiB', file: 'long.p12', message: /longer than 65536 bytes/ },
    { name: 'SEC1', file: 'ec.sec1', message: /SEC1.*accepted are PKCS#8/ },
    { name: 'a certificate', file: 'ec.crt', message: /holds no key; accepted are PKCS#8/ },
  ])('refuses $name', async ({ file, message }) => {
    const { status, stdout, stderr } = await importKey(file);

    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(message),
    });
  });

  test.each(['ec.p12', 'rsa.p12', 'encrypted.pem'])(
    'refuses %s with a wrong passphrase, without repeating it',
    async (file) => {
      const { status, stderr } = await importKey(file, 'battery staple');

      expect(status).toBe(2);
      expect(stderr).toMatch(/passphrase is wrong/);
      expect(stderr).not.toContain('battery');
    },
  );
});

describe('T-29', () => {
  test('node-forge is imported by the child process only', () => {
    const root = join(import.meta.dirname, '../../..');
    const importing = globSync('{packages,bench,demo,e2e}/**/*.{ts,js,mjs}', {
      cwd: root,
      exclude: ['**/node_modules/**', '**/dist/**'],
    }).filter((path) => /(?:from|import|require)\s*\(?\s*['"]node-forge/.test(readFileSync(join(root, path), 'utf8')));

    expect(importing).toEqual(['packages/cli/src/pkcs12-child.ts']);
  });

  test('the child process is denied the network, other programs, and writing', () => {
    const parent = readFileSync(join(import.meta.dirname, 'pkcs12.ts'), 'utf8');
    const flags = [...parent.matchAll(/'(--[a-z-]+(?:=\S+)?)'/g)].map(([, flag]) => flag);

    expect(flags).toContain('--permission');
    expect(flags.filter((flag) => flag!.startsWith('--allow'))).toEqual(['--allow-fs-read=*']);
  });
});
