/**
 * Whether a report about a pod ends the row of its agent.
 * It must never end a row by an older report than the one that made it: watches lag behind what a live read has shown.
 * @module
 */
import type { LivePod } from './live-pod.ts';
import type { WorkloadRow } from './workload-record.ts';

/** Whether the pod ends, or the start that the row is for is over. */
export function isReplaced(row: Pick<WorkloadRow, 'container' | 'restarts'>, pod: LivePod): boolean {
  const { agent } = pod;
  if (pod.isTerminating || pod.hasEnded) return true;
  if (agent === undefined) return false;
  return agent.restarts > row.restarts || (agent.containerId === row.container && !agent.isRunning);
}
