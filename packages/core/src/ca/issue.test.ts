import { describe, expect, test } from '@jest/globals';
import { generateSigningKey, publicOf } from '@letterlock/crypto';
import { issueServerCertificate, issueSvid } from './issue.ts';
import { parseSvid } from './parse-svid.ts';
import { proveWorkload } from './proven-workload.ts';
import { readFacts } from './read-profile.ts';
import { agentKey, authority, identity, nowSeconds, trustDomain, uri } from './testing/forge.ts';

const workload = proveWorkload({ identity, containerId: 'containerd://1' });
const key = publicOf(agentKey);
const given = { authority, key, nowSeconds, workload };

describe('issueSvid()', () => {
  test('writes the profile, in the name that was proven', async () => {
    const { der, notAfter } = await issueSvid(given);
    expect(notAfter).toBe(nowSeconds + 3600);
    const { read, subject, notBefore, names } = readFacts(der);
    expect(subject).toBe('');
    expect(notBefore).toBe(nowSeconds - 300);
    expect(names).toEqual([{ type: 'url', value: uri }]);
    expect(read.key.thumbprint).toBe(agentKey.thumbprint);
    expect(read.certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(read.certificate.subjectAltName).toBe(`URI:${uri}`);
    expect(parseSvid(der, { trustDomain, authorities: [authority], nowSeconds }).identity).toEqual(identity);
  });

  test('gives each certificate another serial number', async () => {
    const serials = await Promise.all(
      [given, given].map(async (o) => readFacts((await issueSvid(o)).der).read.certificate.serialNumber),
    );
    expect(new Set(serials).size).toBe(2);
  });

  test.each([
    { name: 'a shorter life', lifetimeSeconds: 120, notAfter: nowSeconds + 120 },
    { name: 'a longer life, which is cut', lifetimeSeconds: 86_400, notAfter: nowSeconds + 3600 },
  ])('gives $name', async ({ lifetimeSeconds, notAfter }) => {
    expect((await issueSvid({ ...given, lifetimeSeconds })).notAfter).toBe(notAfter);
  });

  test('never outlives the authority', async () => {
    const ending = { ...authority, notAfter: nowSeconds + 60 };
    expect((await issueSvid({ ...given, authority: ending })).notAfter).toBe(nowSeconds + 60);
  });

  test('issues nothing by an authority that has ended', async () => {
    const ended = { ...authority, notAfter: nowSeconds };
    await expect(issueSvid({ ...given, authority: ended })).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'authority_expired',
    });
  });

  test.each([
    { name: 'of another kind', other: publicOf(generateSigningKey('P-384')), reason: 'key_kind' },
    { name: 'that is the authority’s own', other: publicOf(authority.key), reason: 'key_in_use' },
  ])('issues nothing for a key $name', async ({ other, reason }) => {
    await expect(issueSvid({ ...given, key: other })).rejects.toMatchObject({ code: 'bad_key', reason });
  });

  test.each([
    { name: 'a namespace with a slash', change: { ns: 'shop/sa/x' } },
    { name: 'an uppercase uid', change: { pod: identity.pod.toUpperCase() } },
    { name: 'an empty ServiceAccount', change: { sa: '' } },
  ])('issues nothing for $name', async ({ change }) => {
    const odd = proveWorkload({ identity: { ...identity, ...change }, containerId: 'x' });
    await expect(issueSvid({ ...given, workload: odd })).rejects.toThrow(RangeError);
  });
});

describe('issueServerCertificate()', () => {
  const hosts = ['letterlock.letterlock-system.svc', '10.0.0.7', 'fd00::7'];

  test('names hosts, for servers alone', async () => {
    const { der } = await issueServerCertificate({ authority, key, nowSeconds, hosts });
    const { names, purposes, isAuthority } = readFacts(der);
    expect(names).toEqual([
      { type: 'dns', value: hosts[0] },
      { type: 'ip', value: hosts[1] },
      { type: 'ip', value: 'fd00::7' },
    ]);
    expect(purposes).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(isAuthority).toBe(false);
  });

  test('is no workload’s', async () => {
    const { der } = await issueServerCertificate({ authority, key, nowSeconds, hosts });
    const refused = expect.objectContaining({ reason: 'cert_purpose' });
    expect(() => parseSvid(der, { trustDomain, authorities: [authority], nowSeconds })).toThrow(refused);
  });

  test('needs a host', async () => {
    await expect(issueServerCertificate({ authority, key, nowSeconds, hosts: [] })).rejects.toThrow(RangeError);
  });
});
