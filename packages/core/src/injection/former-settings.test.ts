import { describe, expect, test } from '@jest/globals';
import { checkInjected } from './check-injected.ts';
import { formsOf } from './former-settings.ts';
import { inject } from './inject.ts';
import type { InjectionSettings } from './injection-settings.ts';
import { asStored, imageDigest, imageId, makePod, settings } from './testing/injection-world.ts';
import { readAnnotations } from './annotations.ts';

const former = 'registry.example/letterlock-agent:0.0.9';

/** Whether a pod that was injected by these settings may enrol with a service that has the present ones. */
function judge(change: Partial<InjectionSettings>): string {
  const pod = makePod({});
  const read = readAnnotations(pod);
  if ('fault' in read) throw new TypeError('The pod is wrong');
  const stored = asStored(inject(pod, read.request, { ...settings, ...change }));
  const forms = { settings: formsOf(settings, [former]), imageDigests: [imageDigest] };
  const result = checkInjected(stored, { imageId }, forms);
  return result.isInjected ? 'injected' : result.reason;
}

describe('formsOf()', () => {
  test('begins with the present settings', () => {
    expect(formsOf(settings, [former])[0]).toBe(settings);
  });

  test.each([
    { name: 'the present settings', change: {} },
    { name: 'a former image', change: { image: former } },
    { name: 'another log level', change: { logLevel: 'debug' } as const },
    { name: 'another pull policy', change: { imagePullPolicy: 'Always' } as const },
    { name: 'all three', change: { image: former, logLevel: 'error', imagePullPolicy: 'Never' } as const },
    { name: 'no instance key yet', change: { instanceKey: undefined } },
  ])('knows a pod of $name', ({ change }) => {
    expect(judge(change)).toBe('injected');
  });

  test.each([
    { name: 'an image that was never named', change: { image: 'registry.example/letterlock-agent:evil' } },
    { name: 'another direct origin', change: { directOrigin: 'https://evil.example:8443' } },
    { name: 'another target', change: { agentTarget: 'evil.example:9443' } },
    { name: 'another startup command', change: { startupCommand: ['sh'] } },
    { name: 'another uid', change: { userId: 1000 } },
    { name: 'another group', change: { filesGroup: 1000 } },
    { name: 'another instance key', change: { instanceKey: 'B'.repeat(43) } },
  ])('does not know a pod of $name', ({ change }) => {
    expect(judge(change)).toBe('agent_container');
  });
});
