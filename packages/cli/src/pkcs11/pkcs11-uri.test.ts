import { describe, expect, test } from '@jest/globals';
import { parseCardUri } from './pkcs11-uri.ts';

const module = 'module-path=/usr/lib/softhsm/libsofthsm2.so';
const nothing = {
  token: undefined,
  serial: undefined,
  manufacturer: undefined,
  model: undefined,
  object: undefined,
  id: undefined,
  modulePath: '/usr/lib/softhsm/libsofthsm2.so',
  pinSource: undefined,
};

describe('parseCardUri()', () => {
  test.each([
    { name: 'a module alone', uri: `pkcs11:?${module}`, read: {} },
    {
      name: 'token and label',
      uri: `pkcs11:token=alice;object=admin%20key?${module}`,
      read: { token: 'alice', object: 'admin key' },
    },
    { name: 'any octets of an id', uri: `pkcs11:id=%01%FF;type=private?${module}`, read: { id: '01ff' } },
    { name: 'an id of letters', uri: `pkcs11:id=ab?${module}`, read: { id: '6162' } },
    {
      name: 'what else names a token',
      uri: `pkcs11:serial=1f;manufacturer=M;model=V2?${module}`,
      read: { serial: '1f', manufacturer: 'M', model: 'V2' },
    },
    { name: 'UTF-8', uri: `pkcs11:token=J%C3%BCrgen?${module}`, read: { token: 'Jürgen' } },
    {
      name: 'a PIN file as URI',
      uri: `pkcs11:?${module}&pin-source=file:///run/pin`,
      read: { pinSource: { kind: 'file', path: '/run/pin' } },
    },
    {
      name: 'a PIN file by its short URI',
      uri: `pkcs11:?${module}&pin-source=file:/run/pin`,
      read: { pinSource: { kind: 'file', path: '/run/pin' } },
    },
    {
      name: 'a PIN variable, first',
      uri: `pkcs11:?pin-source=env:ADMIN_PIN&${module}`,
      read: { pinSource: { kind: 'environment', name: 'ADMIN_PIN' } },
    },
  ])('reads $name', ({ uri, read }) => {
    expect(parseCardUri(uri)).toEqual({ ...nothing, ...read });
  });

  test.each([
    { name: 'a PIN in the query', uri: `pkcs11:?${module}&pin-value=1234`, says: 'a PIN stands in its URI' },
    { name: 'a PIN in the path', uri: `pkcs11:pin-value=1234?${module}`, says: 'a PIN stands in its URI' },
    { name: 'no module', uri: 'pkcs11:token=alice', says: 'has no module-path' },
    { name: 'a relative module', uri: 'pkcs11:?module-path=x.so', says: 'does not begin with /' },
    { name: 'an unknown attribute', uri: `pkcs11:tokn=alice?${module}`, says: 'not one of: token, serial' },
    { name: 'an attribute without a value', uri: `pkcs11:token?${module}`, says: 'not one of' },
    { name: 'an empty value', uri: `pkcs11:token=?${module}`, says: 'its token is empty' },
    { name: 'an attribute twice', uri: `pkcs11:token=a;token=b?${module}`, says: 'has token twice' },
    { name: 'a broken escape', uri: `pkcs11:token=%4?${module}`, says: 'not percent-encoded' },
    { name: 'a space', uri: `pkcs11:token=a b?${module}`, says: 'not percent-encoded' },
    { name: 'a line end', uri: `pkcs11:token=a%0Ab?${module}`, says: 'control characters' },
    { name: 'another type', uri: `pkcs11:type=cert?${module}`, says: 'its type is not private' },
    { name: 'two question marks', uri: `pkcs11:?${module}?x`, says: 'more than one question mark' },
    { name: 'a program as PIN source', uri: `pkcs11:?${module}&pin-source=|/bin/echo`, says: 'neither file:/path' },
    { name: 'a relative PIN file', uri: `pkcs11:?${module}&pin-source=file:pin`, says: 'neither file:/path' },
    { name: 'too much', uri: `pkcs11:token=${'a'.repeat(2048)}?${module}`, says: 'longer than 2048' },
  ])('refuses $name', ({ uri, says }) => {
    expect(() => parseCardUri(uri)).toThrow(says);
  });

  test('repeats no value', () => {
    for (const uri of [`pkcs11:?${module}&pin-value=834521`, `pkcs11:token=834521%?${module}`, 'pkcs11:pin=834521']) {
      expect(() => parseCardUri(uri)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('834521') }),
      );
      expect(() => parseCardUri(uri)).toThrow(expect.objectContaining({ next: expect.not.stringContaining('834521') }));
    }
  });
});
