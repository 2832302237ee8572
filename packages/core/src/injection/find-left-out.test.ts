import { describe, expect, test } from '@jest/globals';
import { isLeftOut } from './find-left-out.ts';
import { injected, makePod, settings } from './testing/injection-world.ts';

const inject = 'letterlock.dev/inject';
const asking = { annotations: { [inject]: 'true' } };
const pod = makePod();
const bare = { ...pod, metadata: { name: 'orders', namespace: 'shop' } };

describe('isLeftOut()', () => {
  test.each([
    { name: 'asks by annotation', given: { ...bare, metadata: { ...bare.metadata, ...asking } }, is: true },
    {
      name: 'asks by label',
      given: { ...bare, metadata: { ...bare.metadata, labels: { [inject]: 'true' } } },
      is: true,
    },
    {
      name: 'asks with a word that would have been refused',
      given: { ...bare, metadata: { ...bare.metadata, annotations: { [inject]: 'True' } } },
      is: true,
    },
    { name: 'asks for nothing', given: bare, is: false },
    {
      name: 'is for Windows',
      given: { ...bare, metadata: { ...bare.metadata, ...asking }, spec: { ...bare.spec, os: { name: 'windows' } } },
      is: false,
    },
    {
      name: 'is of the service',
      given: { ...bare, metadata: { ...bare.metadata, ...asking, namespace: settings.serviceNamespace } },
      is: false,
    },
    { name: 'has the agent', given: injected(pod), is: false },
    { name: 'is no pod', given: {}, is: false },
  ])('a pod that $name: $is', ({ given, is }) => {
    expect(isLeftOut(given, { settings, isNamespaceAsking: false })).toBe(is);
  });

  test('a namespace asks for its pods, except for those that say no', () => {
    const no = { ...bare, metadata: { ...bare.metadata, annotations: { [inject]: 'false' } } };
    expect(isLeftOut(bare, { settings, isNamespaceAsking: true })).toBe(true);
    expect(isLeftOut(no, { settings, isNamespaceAsking: true })).toBe(false);
  });
});
