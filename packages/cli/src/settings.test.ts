import { describe, expect, test } from '@jest/globals';
import { foldersOf, settingsOf } from './settings.ts';

const file = { profiles: { default: { address: 'https://file.example', key: 'keys/me.key', identity: 'I' } } };

describe('settingsOf()', () => {
  test('takes the profile; its key is relative to the folder of the file', () => {
    expect(settingsOf({}, {}, file, '/c')).toEqual({
      profileName: 'default',
      address: 'https://file.example',
      keyPath: '/c/keys/me.key',
      identity: 'I',
      trust: undefined,
    });
  });

  test('a key that is named by hand is not held to the identity of the profile', () => {
    expect(settingsOf({ key: '/k' }, {}, file, '/c')).toMatchObject({ keyPath: '/k', identity: undefined });
  });

  test.each([
    { name: 'flag', options: { address: 'f' }, environment: { LETTERLOCK_ADDRESS: 'e' }, address: 'f' },
    { name: 'environment', options: {}, environment: { LETTERLOCK_ADDRESS: 'e' }, address: 'e' },
    { name: 'file', options: {}, environment: {}, address: 'https://file.example' },
  ])('the $name counts', ({ options, environment, address }) => {
    expect(settingsOf(options, environment, file, '/c').address).toBe(address);
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
