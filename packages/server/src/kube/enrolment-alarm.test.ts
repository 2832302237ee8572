import { expect, test } from '@jest/globals';
import { recordEnrolmentAlarm } from './enrolment-alarm.ts';
import type { EventSubject, EventText } from './events.ts';

test('a second key for one start of an agent is a warning at the pod, without the key', () => {
  const recorded: (readonly [EventSubject, EventText])[] = [];
  const uid = '1f4a1c7e-2b39-4c52-9c0e-5a1f7d3e8b61';
  recordEnrolmentAlarm(
    { record: (subject, text) => recorded.push([subject, text]) },
    { namespace: 'shop', pod: 'orders-1', podUid: uid, containerId: 'containerd://a', kid: 'the key' },
  );
  expect(recorded).toEqual([
    [
      { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'orders-1', uid },
      expect.objectContaining({ type: 'Warning', reason: 'DoubleEnrolment' }),
    ],
  ]);
  expect(JSON.stringify(recorded)).not.toContain('the key');
});
