import { describe, expect, test } from '@jest/globals';
import { foldersOf, settingsOf } from './settings.ts';

const file = { profiles: { default: { address: 'https://file.example', key: 'keys/me.key', identity: 'I' } } };

describe('settingsOf()', () => {
  test('takes the profile; its key is relative to the folder of the file', () => {
    expect(settingsOf({}, {}, file, '/c')).toEqual({
      profileName: 'default',
      addresses: ['https://file.example'],
      dial: [],
      keyPath: '/c/keys/me.key',
      identity: 'I',
      trust: undefined,
    });
  });

  test('a key that is named by hand is not held to the identity of the profile', () => {
    expect(settingsOf({ key: '/k' }, {}, file, '/c')).toMatchObject({ keyPath: '/k', identity: undefined });
  });

  test.each([
    { name: 'flag', options: { address: ['f'] }, environment: { LETTERLOCK_ADDRESS: 'e' }, addresses: ['f'] },
    { name: 'flags', options: { address: ['f', 'g,h'] }, environment: {}, addresses: ['f', 'g', 'h'] },
    { name: 'environment', options: {}, environment: { LETTERLOCK_ADDRESS: 'e, f' }, addresses: ['e', 'f'] },
    { name: 'file', options: {}, environment: {}, addresses: ['https://file.example'] },
  ])('the $name counts', ({ options, environment, addresses }) => {
    expect(settingsOf(options, environment, file, '/c').addresses).toEqual(addresses);
  });

  test('a profile may list several addresses', () => {
    const address = ['https://a.example', 'https://b.example'];
    const profiles = { default: { address } };

    expect(settingsOf({}, {}, { profiles }, '/c').addresses).toEqual(address);
  });

  test.each([
    { name: 'of the profile', options: {}, environment: {}, dial: ['10.0.0.1', '10.0.0.2'] },
    { name: 'of the environment', options: {}, environment: { LETTERLOCK_DIAL: 'e' }, dial: ['e'] },
    { name: 'of the flag', options: { dial: ['f'] }, environment: { LETTERLOCK_DIAL: 'e' }, dial: ['f'] },
    { name: 'never of an outer source than the address', options: { address: ['f'] }, environment: {}, dial: [] },
  ])('what is dialled is that $name', ({ options, environment, dial }) => {
    const profiles = { default: { address: 'https://file.example', dial: ['10.0.0.1', '10.0.0.2'] } };

    expect(settingsOf(options, environment, { profiles }, '/c').dial).toEqual(dial);
  });

  test('the home folder may be written ~', () => {
    const profiles = { default: { key: '~/me.key' } };

    expect(settingsOf({}, { HOME: '/home/a' }, { profiles }, '/c').keyPath).toBe('/home/a/me.key');
  });

  test.each(['__proto__', 'constructor', 'prod'])('refuses the profile %s', (profile) => {
    expect(() => settingsOf({ profile }, {}, file, '/c')).toThrow('Cannot use the profile');
  });
});

describe('foldersOf()', () => {
  test('follows the XDG variables; an empty one counts as absent', () => {
    expect([foldersOf({ XDG_CONFIG_HOME: '/x', XDG_STATE_HOME: '', HOME: '/h' })]).toEqual([
      { config: '/x/letterlock', state: '/h/.local/state/letterlock' },
    ]);
  });
});
