import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { SecretBytes, type OpeningKeyKind, type SigningKeyKind } from '@letterlock/crypto';
import { createIdentity, rotateIdentity } from './identity.ts';
import { formatKeyFile, parseKeyFile } from './key-file.ts';

const identity = createIdentity();
const file = Buffer.from(formatKeyFile(identity).expose());
const text = file.toString('latin1');
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const [firstBlock = '', secondBlock = ''] = text.match(/-----BEGIN[^]*?-----END PRIVATE KEY-----\n/g) ?? [];

function thumbprints(bytes: Uint8Array): readonly string[] {
  const { signingKey, openingKeys } = parseKeyFile(bytes);
  return [signingKey, ...openingKeys].map(({ thumbprint }) => thumbprint);
}
const own = [identity.signingKey, ...identity.openingKeys].map(({ thumbprint }) => thumbprint);

describe('formatKeyFile()', () => {
  test.each<{ name: string; signingKind: SigningKeyKind; openingKind: OpeningKeyKind }>([
    { name: 'P-256', signingKind: 'P-256', openingKind: 'P-256' },
    { name: 'P-384', signingKind: 'P-384', openingKind: 'P-384' },
    { name: 'Ed25519 and X25519', signingKind: 'Ed25519', openingKind: 'X25519' },
    { name: 'RSA', signingKind: 'RSA', openingKind: 'RSA' },
  ])('writes what parseKeyFile() reads: $name', ({ signingKind, openingKind }) => {
    const made = createIdentity({ signingKind, openingKind });
    const { signingKey, openingKeys } = parseKeyFile(formatKeyFile(made));
    expect(signingKey.thumbprint).toBe(made.id);
    expect(openingKeys[0].thumbprint).toBe(made.openingKeys[0].thumbprint);
  });

  test('writes PEM as everybody does', () => {
    expect(firstBlock).toBe(identity.signingKey.keyObject.export({ type: 'pkcs8', format: 'pem' }));
    expect(secondBlock).toBe(identity.openingKeys[0].keyObject.export({ type: 'pkcs8', format: 'pem' }));
    expect(text).toBe(firstBlock + secondBlock);
  });

  test('writes a single-key identity as one block', () => {
    const single = createIdentity({ isSingleKey: true });
    const written = Buffer.from(formatKeyFile(single).expose());
    expect(written.toString('latin1').split('BEGIN')).toHaveLength(2);
    expect(thumbprints(written)).toEqual([single.id, single.id]);
  });

  test('keeps older opening keys behind the current one', () => {
    const rotated = rotateIdentity(identity);
    const { openingKeys } = parseKeyFile(formatKeyFile(rotated));
    expect(openingKeys.map(({ thumbprint }) => thumbprint)).toEqual(
      rotated.openingKeys.map(({ thumbprint }) => thumbprint),
    );
  });
});

describe('parseKeyFile()', () => {
  test.each([
    { name: 'CRLF', bytes: Buffer.from(text.replaceAll('\n', '\r\n')) },
    { name: 'a byte order mark', bytes: Buffer.from(`\ufeff${text}`) },
    { name: 'trailing spaces', bytes: Buffer.from(text.replaceAll('\n', '  \n')) },
    { name: 'white space around blocks', bytes: Buffer.from(`\n\t${firstBlock}\n\r\n${secondBlock} \n\n`) },
    { name: 'no last newline', bytes: Buffer.from(text.trimEnd()) },
    {
      name: 'a view into a larger buffer',
      bytes: Buffer.concat([Buffer.from('xx'), file, Buffer.from('yy')]).subarray(2, -2),
    },
  ])('accepts $name', ({ bytes }) => {
    expect(thumbprints(bytes)).toEqual(own);
  });

  test('reads SecretBytes', () => {
    expect(parseKeyFile(SecretBytes.copy(file)).signingKey.thumbprint).toBe(identity.id);
  });

  const encrypted = ec.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
  const openssh = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n';
  test.each([
    { name: 'an encrypted key', given: encrypted, reason: 'key_encrypted' },
    { name: 'PKCS#1', given: rsa.export({ type: 'pkcs1', format: 'pem' }), reason: 'key_pkcs1' },
    { name: 'SEC1', given: ec.export({ type: 'sec1', format: 'pem' }), reason: 'key_sec1' },
    { name: 'OpenSSH', given: openssh, reason: 'key_openssh' },
    {
      name: 'a public key',
      given: '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n',
      reason: 'key_other_pem',
    },
    { name: 'a label from Object.prototype', given: '-----BEGIN constructor-----\nMFkw\n', reason: 'key_other_pem' },
  ])('refuses $name and names what is accepted', ({ given, reason }) => {
    const bytes = Buffer.from(given);
    expect(() => parseKeyFile(bytes)).toThrow(expect.objectContaining({ name: 'KeyFileError', reason }));
    expect(() => parseKeyFile(bytes)).toThrow('accepted is unencrypted PKCS#8 in PEM');
  });

  const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
  const ed25519 = generateKeyPairSync('ed25519').privateKey;
  const pem = (key: typeof ec): string => key.export({ type: 'pkcs8', format: 'pem' });
  test.each([
    { name: 'an empty file', given: '', reason: 'key_not_pem' },
    { name: 'text before', given: `a comment\n${text}`, reason: 'key_not_pem' },
    { name: 'text between', given: `${firstBlock}x${secondBlock}`, reason: 'key_not_pem' },
    { name: 'text behind', given: `${text}x`, reason: 'key_not_pem' },
    { name: 'DER', given: ec.export({ type: 'pkcs8', format: 'der' }).toString('latin1'), reason: 'key_not_pem' },
    { name: 'a block without end', given: text.slice(0, 100), reason: 'key_damaged' },
    { name: 'a damaged block', given: text.replace('MIG', 'MIX'), reason: 'key_damaged' },
    { name: 'seventeen keys', given: firstBlock.repeat(17), reason: 'key_count' },
    { name: 'a curve that is not allowed', given: pem(p521), reason: 'key_kind' },
    { name: 'a single key that cannot open', given: pem(ed25519), reason: 'key_kind' },
  ])('refuses $name', ({ given, reason }) => {
    expect(() => parseKeyFile(Buffer.from(given, 'latin1'))).toThrow(expect.objectContaining({ reason }));
  });

  test('shows nothing of a damaged key', () => {
    const damaged = text.replace('MIG', 'MIX');
    let shown = '';
    try {
      parseKeyFile(Buffer.from(damaged));
    } catch (error) {
      shown = JSON.stringify(error) + String(error) + String((error as Error).stack);
    }
    expect(shown).toContain('KeyFileError');
    for (const line of damaged.split('\n').filter((part) => part !== '' && !part.startsWith('-----'))) {
      expect(shown).not.toContain(line);
    }
  });
});
