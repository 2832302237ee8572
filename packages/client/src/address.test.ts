import { describe, expect, test } from '@jest/globals';
import { parseAddress } from './address.ts';

describe('parseAddress()', () => {
  test.each([
    {
      given: 'https://letterlock.example.com:8443',
      origin: 'https://letterlock.example.com:8443',
      host: 'letterlock.example.com',
      port: 8443,
    },
    {
      given: 'letterlock.example.com',
      origin: 'https://letterlock.example.com',
      host: 'letterlock.example.com',
      port: 443,
    },
    { given: 'https://a.example:443/', origin: 'https://a.example', host: 'a.example', port: 443 },
    { given: 'https://A.Example', origin: 'https://a.example', host: 'a.example', port: 443 },
    {
      given: 'https://bücher.example',
      origin: 'https://xn--bcher-kva.example',
      host: 'xn--bcher-kva.example',
      port: 443,
    },
    { given: 'https://[::1]:8443', origin: 'https://[::1]:8443', host: '::1', port: 8443 },
  ])('reads $given', ({ given, origin, host, port }) => {
    expect(parseAddress(given)).toMatchObject({ origin, host, port });
  });

  test.each([
    'http://a.example',
    'https://a.example/path',
    'https://a.example/?q',
    'https://a.example#f',
    'https://user@a.example',
    'https://a.example\\path',
    'https://',
    'https://a.example:99999',
    '',
  ])('refuses %j', (given) => {
    expect(() => parseAddress(given)).toThrow('Cannot use the address');
  });
});
