/**
 * Tells people of a second key for one start of an agent, where they look: among the events of the pod.
 * It must never name a key.
 * @module
 */
import type { EnrolmentAlarm } from '@letterlock/core';
import type { EventRecorder } from './events.ts';

export function recordEnrolmentAlarm(
  events: Pick<EventRecorder, 'record'>,
  { namespace, pod, podUid }: EnrolmentAlarm,
): void {
  events.record(
    { apiVersion: 'v1', kind: 'Pod', namespace, name: pod, uid: podUid },
    {
      type: 'Warning',
      reason: 'DoubleEnrolment',
      message: 'Two keys asked to be the agent of this pod: one is a thief',
    },
  );
}
