import { describe, expect, test } from '@jest/globals';
import { generateSigningKey, publicOf, readCertificate } from '@letterlock/crypto';
import { createAuthority, type Authority } from './authority.ts';
import { parseSvid, type SvidRules } from './parse-svid.ts';
import {
  agentKey,
  asIssuer,
  authority,
  basic,
  ExtendedKeyUsage,
  forge,
  identity,
  KeyUsageFlags,
  names,
  nowSeconds,
  purposes,
  trustDomain,
  uri,
  uris,
  usage,
  type Forgery,
} from './testing/forge.ts';
import { Extension } from './x509-library.ts';

const rules: SvidRules = { trustDomain, authorities: [authority], nowSeconds };
const { clientAuth, serverAuth, codeSigning } = ExtendedKeyUsage;
const { digitalSignature, keyCertSign, cRLSign, keyAgreement } = KeyUsageFlags;
const otherAuthority = await createAuthority({ trustDomain, nowSeconds });
/** The genuine authority's name and key identifier over another key. */
const impostor: Authority = { ...authority, key: otherAuthority.key };
const emptyUnknown = new Extension('1.2.3.4', false, new Uint8Array([5, 0]));

const url = (value: string): Forgery => ({ extensions: { names: uris(value) } });

async function refusal(o: Forgery, change: Partial<SvidRules> = {}): Promise<string> {
  const der = await forge(o);
  try {
    parseSvid(der, { ...rules, ...change });
    return 'accepted';
  } catch (error) {
    return (error as { readonly reason?: string }).reason ?? 'no reason';
  }
}

describe('parseSvid()', () => {
  test('gives the identity, the key and the end of a right certificate', async () => {
    const svid = parseSvid(await forge(), rules);
    expect(svid.identity).toEqual(identity);
    expect(svid.key.thumbprint).toBe(agentKey.thumbprint);
    expect(svid.notAfter).toBe(nowSeconds + 3600);
  });

  test('knows each authority of the bundle', async () => {
    const der = await forge({ issuer: otherAuthority });
    expect(parseSvid(der, { ...rules, authorities: [authority, otherAuthority] }).identity).toEqual(identity);
  });

  // T-22 and bad input 3.5: each row differs from the right certificate in one thing, and the genuine authority signed it.
  const rows: readonly { readonly name: string; readonly forgery: Forgery; readonly reason: string }[] = [
    { name: 'cA=true', forgery: { extensions: { basic: basic(true) } }, reason: 'cert_authority' },
    {
      name: 'cA=false with a path length',
      forgery: { extensions: { basic: basic(false, 0) } },
      reason: 'cert_authority',
    },
    { name: 'no basic constraints', forgery: { extensions: { basic: undefined } }, reason: 'cert_extensions' },
    {
      name: 'basic constraints that are not critical',
      forgery: { extensions: { basic: basic(false, undefined, false) } },
      reason: 'cert_critical',
    },
    {
      name: 'keyCertSign',
      forgery: { extensions: { usage: usage(digitalSignature | keyCertSign) } },
      reason: 'cert_key_usage',
    },
    {
      name: 'cRLSign',
      forgery: { extensions: { usage: usage(digitalSignature | cRLSign) } },
      reason: 'cert_key_usage',
    },
    {
      name: 'keyAgreement instead of digitalSignature',
      forgery: { extensions: { usage: usage(keyAgreement) } },
      reason: 'cert_key_usage',
    },
    { name: 'no key usage', forgery: { extensions: { usage: undefined } }, reason: 'cert_extensions' },
    {
      name: 'a key usage that is not critical',
      forgery: { extensions: { usage: usage(digitalSignature, false) } },
      reason: 'cert_critical',
    },
    { name: 'serverAuth alone', forgery: { extensions: { purposes: purposes([serverAuth]) } }, reason: 'cert_purpose' },
    {
      name: 'codeSigning besides',
      forgery: { extensions: { purposes: purposes([clientAuth, serverAuth, codeSigning]) } },
      reason: 'cert_purpose',
    },
    { name: 'any purpose', forgery: { extensions: { purposes: purposes(['2.5.29.37.0']) } }, reason: 'cert_purpose' },
    { name: 'no purpose', forgery: { extensions: { purposes: undefined } }, reason: 'cert_extensions' },
    {
      name: 'two URIs',
      forgery: { extensions: { names: uris(uri, uri.replace('shop', 'bank')) } },
      reason: 'cert_names',
    },
    {
      name: 'a DNS name besides',
      forgery: {
        extensions: {
          names: names([
            { type: 'url', value: uri },
            { type: 'dns', value: 'shop.example' },
          ]),
        },
      },
      reason: 'cert_names',
    },
    {
      name: 'an address besides',
      forgery: {
        extensions: {
          names: names([
            { type: 'url', value: uri },
            { type: 'ip', value: '10.0.0.1' },
          ]),
        },
      },
      reason: 'cert_names',
    },
    {
      name: 'a DNS name alone',
      forgery: { extensions: { names: names([{ type: 'dns', value: 'shop.example' }]) } },
      reason: 'cert_names',
    },
    {
      name: 'a mail address that is the URI',
      forgery: { extensions: { names: names([{ type: 'email', value: uri }]) } },
      reason: 'cert_names',
    },
    { name: 'no name at all', forgery: { extensions: { names: names([]) } }, reason: 'cert_names' },
    {
      name: 'no alternative name, with a common name',
      forgery: { subject: 'CN=orders', extensions: { names: undefined } },
      reason: 'cert_subject',
    },
    { name: 'no alternative name', forgery: { extensions: { names: undefined } }, reason: 'cert_extensions' },
    {
      name: 'a name that is not critical',
      forgery: { extensions: { names: names([{ type: 'url', value: uri }], false) } },
      reason: 'cert_critical',
    },
    {
      name: 'alternative names twice',
      forgery: { extensions: { extra: uris(uri.replace('shop', 'bank')) } },
      reason: 'cert_chain',
    },
    { name: 'basic constraints twice', forgery: { extensions: { extra: basic(true) } }, reason: 'cert_chain' },
    { name: 'an unknown extension', forgery: { extensions: { extra: emptyUnknown } }, reason: 'cert_extensions' },
    {
      name: 'no authority key identifier',
      forgery: { extensions: { identifier: undefined } },
      reason: 'cert_extensions',
    },
    { name: 'a subject', forgery: { subject: 'CN=orders' }, reason: 'cert_subject' },
    { name: '24 h of life', forgery: { notAfter: nowSeconds + 86_400 }, reason: 'cert_lifetime' },
    {
      name: 'a second more than 65 minutes of life',
      forgery: { notAfter: nowSeconds + 3601 },
      reason: 'cert_lifetime',
    },
    { name: 'an end that is past', forgery: { notAfter: nowSeconds - 1 }, reason: 'cert_expired' },
    { name: 'a beginning to come', forgery: { notBefore: nowSeconds + 1 }, reason: 'cert_not_yet_valid' },
    { name: 'SHA-384', forgery: { hash: 'SHA-384' }, reason: 'cert_signature' },
    { name: 'a P-384 key', forgery: { publicKey: publicOf(generateSigningKey('P-384')) }, reason: 'cert_key' },
    { name: 'an RSA key', forgery: { publicKey: publicOf(generateSigningKey('RSA')) }, reason: 'cert_key' },
    { name: 'another authority', forgery: { issuer: otherAuthority }, reason: 'cert_chain' },
    {
      name: 'another authority of the same name and key identifier',
      forgery: { issuer: impostor },
      reason: 'cert_chain',
    },
    { name: 'an issuer of another name', forgery: { issuerName: 'CN=Somebody' }, reason: 'cert_chain' },
    { name: 'an uppercase uid', forgery: url(uri.replace('3f25', '3F25')), reason: 'cert_identity' },
    { name: 'an uppercase scheme', forgery: url(uri.replace('spiffe', 'SPIFFE')), reason: 'cert_identity' },
    { name: 'a quoted comma', forgery: url(`${uri}", DNS:"evil.example`), reason: 'cert_identity' },
    { name: 'a comma and a second name', forgery: url(`${uri}, URI:${uri}`), reason: 'cert_identity' },
    {
      name: 'another trust domain',
      forgery: url(uri.replace('prod.example', 'test.example')),
      reason: 'cert_identity',
    },
    {
      name: 'a trust domain with a port',
      forgery: url(uri.replace('prod.example', 'prod.example:443')),
      reason: 'cert_identity',
    },
    {
      name: 'a trust domain with a user',
      forgery: url(uri.replace('prod.example', 'x@prod.example')),
      reason: 'cert_identity',
    },
    {
      name: 'a trust domain with a final dot',
      forgery: url(uri.replace('prod.example', 'prod.example.')),
      reason: 'cert_identity',
    },
    { name: '..', forgery: url(uri.replace('/sa/orders', '/sa/../sa/orders')), reason: 'cert_identity' },
    { name: '%2F', forgery: url(uri.replace('orders', 'orders%2Fx')), reason: 'cert_identity' },
    { name: 'a slash at the end', forgery: url(`${uri}/`), reason: 'cert_identity' },
    { name: 'a query', forgery: url(`${uri}?x=1`), reason: 'cert_identity' },
    { name: 'a fragment', forgery: url(`${uri}#x`), reason: 'cert_identity' },
    { name: 'a line feed at the end', forgery: url(`${uri}\n`), reason: 'cert_identity' },
    { name: 'a NUL', forgery: url(`${uri}\0`), reason: 'cert_identity' },
    {
      name: 'a namespace of 64 characters',
      forgery: url(uri.replace('shop', 'a'.repeat(64))),
      reason: 'cert_identity',
    },
    { name: 'an empty namespace', forgery: url(uri.replace('shop', '')), reason: 'cert_identity' },
    { name: 'no pod', forgery: url('spiffe://prod.example/ns/shop/sa/orders'), reason: 'cert_identity' },
    { name: 'https', forgery: url(uri.replace('spiffe', 'https')), reason: 'cert_identity' },
    { name: 'a uid that is none', forgery: url(uri.replace(/[^/]+$/, '-'.repeat(36))), reason: 'cert_identity' },
  ];

  test.each(rows)('refuses $name', async ({ forgery, reason }) => {
    expect(await refusal(forgery)).toBe(reason);
  });

  test.each([
    { name: 'before it begins', at: nowSeconds - 301, reason: 'cert_chain' },
    { name: 'at its first second', at: nowSeconds - 300, reason: 'accepted' },
    { name: 'at its last second', at: nowSeconds + 3600, reason: 'accepted' },
    { name: 'after it', at: nowSeconds + 3601, reason: 'cert_expired' },
  ])('looks at the clock: $name', async ({ at, reason }) => {
    expect(await refusal({}, { nowSeconds: at })).toBe(reason);
  });

  test.each([
    { name: 'expired', change: { notAfter: nowSeconds - 1 } },
    { name: 'not yet valid', change: { notBefore: nowSeconds + 1 } },
  ])('refuses a leaf of an authority that is $name', async ({ change }) => {
    expect(await refusal({}, { authorities: [{ ...authority, ...change }] })).toBe('cert_chain');
  });

  test('refuses a leaf where no authority is trusted', async () => {
    expect(await refusal({}, { authorities: [] })).toBe('cert_chain');
  });

  // Its issuer would be verified by the genuine authority, and is no authority.
  test('refuses a leaf that a leaf signed', async () => {
    expect(await refusal({ issuer: await asIssuer(generateSigningKey()) })).toBe('cert_chain');
  });

  test('refuses a leaf that signed itself', async () => {
    const self = { ...authority, key: agentKey };
    expect(await refusal({ issuer: self, issuerName: 'CN=self', subject: 'CN=self' })).toBe('cert_chain');
  });

  test('refuses an authority as a leaf', () => {
    const refused = expect.objectContaining({ code: 'bad_proof' });
    expect(() => parseSvid(authority.der, rules)).toThrow(refused);
  });

  test('refuses what is not one certificate in DER', async () => {
    const der = await forge();
    const form = expect.objectContaining({ code: 'bad_proof', reason: 'cert_form' });
    const pem = Buffer.from(readCertificate(der).certificate.toString());
    const inputs = [
      new Uint8Array(),
      der.slice(0, -1),
      Buffer.concat([der, Buffer.from([0])]),
      pem,
      new Uint8Array(8193),
    ];
    for (const input of inputs) expect(() => parseSvid(input, rules)).toThrow(form);
  });

  test('refuses a certificate of which a bit was flipped, wherever', async () => {
    const der = await forge();
    for (let index = 0; index < der.length; index += 7) {
      const changed = Uint8Array.from(der);
      changed[index]! ^= 0x10;
      expect(() => parseSvid(changed, rules)).toThrow(expect.objectContaining({ code: 'bad_proof' }));
    }
  });
});
