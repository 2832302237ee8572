/** Keys on cards through the real command line, the real pkcs11-tool and SoftHSM. The ceremony is the guide's (docs/guide/smart-cards.md). */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createECDH, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { importSealingKey, openJwe, sealJweNow, verifyingKeyOf } from '@letterlock/crypto';
import { typ } from '@letterlock/protocol';
import { readCardKeys } from './pkcs11/card-key.ts';
import type { PinContext } from './pkcs11/card-pin.ts';
import { ending, refused } from './testing/refusal.ts';
import { makeHome, runCli, words, type Home } from './testing/run-cli.ts';
import { cardInstallMilliseconds, makeSoftCards, type SoftCards } from './testing/soft-cards.ts';
import { runAtTerminal } from './testing/terminal.ts';

const pin = '738251';
const tokens = [
  { token: 'ec', type: 'EC:prime256v1' },
  { token: 'ec384', type: 'EC:secp384r1' },
  { token: 'rsa', type: 'rsa:3072' },
] as const;
let cards: SoftCards;
let home: Home;

jest.setTimeout(60_000);

beforeAll(() => {
  cards = makeSoftCards();
  home = makeHome();
  for (const { token, type } of tokens) {
    cards.makeToken(token, pin);
    cards.makeKey({ token, pin, type, label: 'admin', id: '01' });
  }
  cards.makeToken('empty', pin);
  cards.makeToken('odd', pin);
  cards.makeKey({ token: 'odd', pin, type: 'EC:prime256v1', label: 'one', id: '01' });
  cards.makeKey({ token: 'odd', pin, type: 'EC:prime256v1', label: 'two', id: '02', usages: ['--usage-sign'] });
  cards.makeKey({ token: 'odd', pin, type: 'EC:prime256v1', label: 'public only', id: '03' });
  cards.tool(['--token-label', 'odd', '--login', '--pin', pin, '--delete-object', '--type', 'privkey', '--id', '03']);
  cards.makeKey({ token: 'odd', pin, type: 'rsa:2048', label: 'small', id: '04' });
  cards.makeToken('twice', pin);
  cards.makeToken('twice', pin);
  // What the start of the program needs, and nothing else.
  mkdirSync(home.path('bin'));
  for (const name of ['readlink', 'dirname']) symlinkSync(`/usr/bin/${name}`, home.path(`bin/${name}`));
  symlinkSync(process.execPath, home.path('bin/node'));
  writeFileSync(home.path('pin'), `${pin}\n`, { mode: 0o600 });
  writeFileSync(home.path('open-pin'), pin, { mode: 0o644 });
  writeFileSync(home.path('empty-pin'), '\n', { mode: 0o600 });
}, cardInstallMilliseconds);

afterAll(() => {
  cards[Symbol.dispose]();
  home[Symbol.dispose]();
});

const uri = (path: string, pinSource = '&pin-source=env:CARD_PIN'): string =>
  `pkcs11:${path}?module-path=${cards.module}${pinSource}`;
const environment = (): Readonly<Record<string, string>> => ({ ...cards.environment, CARD_PIN: pin });
const run = (command: string, key: string, changed: Readonly<Record<string, string>> = {}) =>
  runCli([...words(command), '--key', key], { home, environment: { ...environment(), ...changed } });
/** Without a person and without output. */
const quiet = (): PinContext => ({ environment: environment(), terminal: {} as never, output: {} as never });

describe('a key on a card', () => {
  test.each(tokens)('is shown without a PIN, $type', async ({ token }) => {
    const shown = await runCli(['key', 'show', uri(`token=${token}`, ''), '-o', 'json'], {
      home,
      environment: environment(),
    });
    expect(shown).toMatchObject({ status: 0, stderr: '' });
    const { id, receiving } = JSON.parse(shown.stdout) as { id: string; receiving: { thumbprint: string } };
    expect(id).toMatch(/^[\w-]{43}$/);
    expect(receiving.thumbprint).toBe(id);
  });

  test.each(tokens)('signs a keyset and a certificate that anybody verifies, $type', async ({ token }) => {
    const keyset = await run('key show --keyset --quiet', uri(`token=${token};object=admin`));
    expect(keyset).toMatchObject({ status: 0, stderr: '' });
    const certificate = await run('key certificate', uri(`token=${token};id=%01;type=private`));
    const read = new X509Certificate(certificate.stdout);
    expect(read.verify(read.publicKey)).toBe(true);
    const { kid } = JSON.parse(Buffer.from(keyset.stdout.split('.')[0]!, 'base64url').toString()) as { kid: string };
    expect(kid).toBe(verifyingKeyOf(read.publicKey).thumbprint);
  });

  test.each(tokens)('opens what is sealed to it, $type', async ({ token }) => {
    const keys = await readCardKeys(quiet(), uri(`token=${token}`), { needsPrivate: true });
    const to = importSealingKey(keys.openingKeys[0].jwk);
    const plaintext = Buffer.from('a share of thirty-three octets ..');
    const jwe = sealJweNow({ typ: typ.share, to, header: { inst: 'A'.repeat(22), gen: 1, x: 1 }, plaintext });
    const opened = await openJwe(jwe, { typ: typ.share, key: keys.openingKeys[0] });
    expect(Buffer.from(opened.plaintext.expose())).toEqual(plaintext);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('letterlock-card-'))).toEqual([]);
  });

  test('agrees on a Z with a leading zero', async () => {
    // A key of ours on the card, so that the peer can be chosen: one in 256 will do.
    const own = createECDH('prime256v1');
    own.generateKeys();
    let ephemeral = createECDH('prime256v1');
    do {
      ephemeral = createECDH('prime256v1');
      ephemeral.generateKeys();
    } while (ephemeral.computeSecret(own.getPublicKey())[0] !== 0);
    const jwkOf = (key: typeof own) => ({
      kty: 'EC',
      crv: 'P-256',
      x: key.getPublicKey().subarray(1, 33).toString('base64url'),
      y: key.getPublicKey().subarray(33).toString('base64url'),
    });
    const privateKey = createPrivateKey({
      key: { ...jwkOf(own), d: own.getPrivateKey().toString('base64url').padStart(43, 'A') },
      format: 'jwk',
    });
    writeFileSync(home.path('own.der'), privateKey.export({ format: 'der', type: 'pkcs8' }));
    writeFileSync(home.path('own.pub'), createPublicKey(privateKey).export({ format: 'der', type: 'spki' }));
    cards.makeToken('zero', pin);
    for (const [type, file] of [
      ['privkey', 'own.der'],
      ['pubkey', 'own.pub'],
    ] as const) {
      const usages = type === 'privkey' ? ['--usage-derive'] : [];
      const write = ['--write-object', home.path(file), '--type', type, '--id', '09', ...usages];
      cards.tool(['--token-label', 'zero', '--login', '--pin', pin, ...write]);
    }
    const keys = await readCardKeys(quiet(), uri('token=zero'), { needsPrivate: true });
    const agreed = keys.openingKeys[0].device!.agree(createPublicKey({ key: jwkOf(ephemeral), format: 'jwk' }))!;
    expect(Buffer.from(agreed.expose())).toEqual(own.computeSecret(ephemeral.getPublicKey()));
  });

  test('takes the PIN from a file, and from a person who does not see it', async () => {
    const byFile = await run('key certificate', uri('token=ec', `&pin-source=file:${home.path('pin')}`));
    expect(byFile).toMatchObject({ status: 0, stderr: '' });
    const typed = await runAtTerminal(
      ['key', 'certificate', '--key', uri('token=ec', '')],
      [['PIN of ec', `${pin}\r`]],
      { home, environment: environment() },
    );
    expect(typed.status).toBe(0);
    expect(typed.output).toContain('BEGIN CERTIFICATE');
    expect(typed.output).not.toContain(pin);
  });
});

describe('what a person reads when a card does not work', () => {
  const sign = 'key certificate';
  test.each([
    {
      name: 'no program',
      command: () => run(sign, uri('token=ec'), { PATH: home.path('bin') }),
      says: /pkcs11-tool is not installed; install OpenSC/,
    },
    {
      name: 'no module',
      command: () => run(sign, 'pkcs11:token=ec?module-path=/nowhere.so'),
      says: /module cannot be loaded; check module-path/,
    },
    {
      name: 'a module that is none',
      command: () => run(sign, 'pkcs11:token=ec?module-path=/bin/sh'),
      says: /module cannot be loaded/,
    },
    {
      name: 'another token',
      command: () => run(sign, uri('token=other')),
      says: /no token is the one that the URI names; there are: .*ec \(serial [0-9a-f]+\)/,
    },
    {
      name: 'several tokens',
      command: () => run(sign, uri('object=admin')),
      says: /several tokens match its URI; name one by token= or serial=, of: /,
    },
    { name: 'two tokens of one label', command: () => run(sign, uri('token=twice')), says: /several tokens/ },
    { name: 'no key', command: () => run(sign, uri('token=empty')), says: /it shows no keys at all/ },
    {
      name: 'another key',
      command: () => run(sign, uri('token=ec;object=other')),
      says: /no key on it is the one that the URI names; there are: object=admin;id=%01$/m,
    },
    {
      name: 'several keys',
      command: () => run(sign, uri('token=odd')),
      says: /several keys match its URI; name one, of: (?=.*object=one;id=%01)(?=.*object=public%20only;id=%03)/,
    },
    { name: 'a wrong id', command: () => run(sign, uri('token=ec;object=admin;id=%02')), says: /no key on it/ },
    {
      name: 'no private half',
      command: () => run(sign, uri('token=odd;id=%03')),
      says: /has no private one; look at what is on it/,
    },
    {
      name: 'a PIN in the URI',
      command: () => run(sign, uri('token=ec', `&pin-value=${pin}`)),
      says: /a PIN stands in its URI.*change this PIN/,
    },
    {
      name: 'no PIN and nobody to ask',
      command: () => run(sign, uri('token=ec', '')),
      says: /not a terminal; give the PIN with pin-source=file:/,
    },
    {
      name: 'a PIN file that others read',
      command: () => run(sign, uri('token=ec', `&pin-source=file:${home.path('open-pin')}`)),
      says: /its mode is 0644, others can read it \(key_permissions\); chmod 600/,
    },
    {
      name: 'an empty PIN',
      command: () => run(sign, uri('token=ec', `&pin-source=file:${home.path('empty-pin')}`)),
      says: /the PIN is empty/,
    },
    {
      name: 'a variable that is not set',
      command: () => run(sign, uri('token=ec', '&pin-source=env:NOT_SET')),
      says: /the variable NOT_SET of its pin-source is not set/,
    },
    {
      name: 'a card to write to',
      command: () => run('key generate', uri('token=ec')),
      says: /Cannot make a key: the key is on a card; name a file/,
    },
    {
      name: 'a card to rotate',
      command: () => run('identity rotate', uri('token=ec')),
      says: /Cannot rotate: the key is on a card/,
    },
  ])('$name', async ({ command, says }) => {
    const ran = await ending(command());
    expect(ran).toEqual(refused(says));
    expect(ran.stderr).not.toContain(pin);
  });

  test('a wrong PIN: tried once, and the next time the card says so', async () => {
    const wrong = await run(sign, uri('token=rsa'), { CARD_PIN: '000000' });
    expect(wrong).toMatchObject({ status: 3, stdout: '' });
    expect(wrong.stderr).toMatch(/the PIN is wrong; it was tried once and counts/);
    expect(wrong.stderr).not.toContain('000000');
    const right = await run(sign, uri('token=rsa'));
    expect(right.status).toBe(0);
    expect(right.stderr).toMatch(/A wrong PIN was given before: the card counts/);
  });

  test('a key that may not receive', async () => {
    const keys = await readCardKeys(quiet(), uri('token=odd;object=two'), { needsPrivate: true });
    const { keyObject, device } = keys.openingKeys[0];
    expect(() => device!.agree(keyObject)).toThrow('its key may not be used for this');
  });

  test('doctor says that the key is on a card', async () => {
    const { stdout } = await run('doctor', uri('token=ec'));
    expect(stdout).toMatch(/ok +key: on a card, id [\w-]{43}/);
  });
});

test('a profile of config.yaml names a card', async () => {
  const other = makeHome();
  mkdirSync(other.config, { recursive: true });
  writeFileSync(`${other.config}/config.yaml`, `profile: me\nprofiles:\n  me:\n    key: '${uri('token=ec')}'\n`);
  const shown = await runCli(words('key show --quiet'), { home: other, environment: environment() });
  expect(shown).toMatchObject({ status: 0, stderr: '' });
  other[Symbol.dispose]();
});
