/** What a certificate's key may do, read apart from OpenSSL. @module */
import { describe, expect, test } from '@jest/globals';
import { readCertificateExtensions } from './certificate-extensions.ts';
import {
  authority,
  buildCertificate,
  extensionIds,
  noAuthority,
  purpose,
  usage,
  type TestExtension,
} from './testing/certificate-builder.ts';

const read = (...extensions: readonly TestExtension[]) =>
  readCertificateExtensions(buildCertificate({ subject: 'a', extensions }).der);
const free = {
  isAuthority: false,
  pathLength: 0,
  mayCertify: true,
  maySign: true,
  mayAuthenticateClients: true,
};

describe('readCertificateExtensions()', () => {
  test.each([
    { name: 'nothing', extensions: [], change: {} },
    {
      name: 'an authority',
      extensions: [authority()],
      change: { isAuthority: true, pathLength: Number.POSITIVE_INFINITY },
    },
    { name: 'an authority above leaves', extensions: [authority(0)], change: { isAuthority: true } },
    { name: 'an authority above one other', extensions: [authority(1)], change: { isAuthority: true, pathLength: 1 } },
    { name: 'no authority', extensions: [noAuthority], change: { pathLength: Number.POSITIVE_INFINITY } },
    { name: 'digitalSignature', extensions: [usage('80')], change: { mayCertify: false } },
    { name: 'keyCertSign', extensions: [usage('04')], change: { maySign: false } },
    { name: 'keyEncipherment', extensions: [usage('20')], change: { mayCertify: false, maySign: false } },
    { name: 'clientAuth', extensions: [purpose('client')], change: {} },
    { name: 'any purpose', extensions: [purpose('any')], change: {} },
    { name: 'serverAuth', extensions: [purpose('server')], change: { mayAuthenticateClients: false } },
  ])('reads $name', ({ extensions, change }) => {
    expect(read(...extensions)).toEqual({ ...free, ...change });
  });

  test.each([
    { name: 'an extension twice', extensions: [noAuthority, noAuthority], words: 'repeated extension' },
    {
      name: 'an unknown critical extension',
      extensions: [{ id: extensionIds.certificatePolicies, isCritical: true, value: new Uint8Array(0) }],
      words: 'unknown critical extension',
    },
    {
      name: 'name constraints',
      extensions: [{ id: extensionIds.nameConstraints, value: new Uint8Array(0) }],
      words: 'name constraints',
    },
    {
      name: 'basic constraints that are no sequence',
      extensions: [{ id: extensionIds.basicConstraints, value: Uint8Array.of(5, 0) }],
      words: 'another element',
    },
  ])('refuses $name', ({ extensions, words }) => {
    expect(() => read(...extensions)).toThrow(words);
  });

  test.each([
    { digest: 'sha1', words: 'signature algorithm' },
    { version: 2, words: 'version' },
  ] as const)('refuses another $words', ({ words, ...change }) => {
    const { der } = buildCertificate({ subject: 'a', extensions: [noAuthority], ...change });
    expect(() => readCertificateExtensions(der)).toThrow(words);
  });
});
