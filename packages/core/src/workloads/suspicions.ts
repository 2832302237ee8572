/**
 * Second keys for one start of an agent: refused at once, and an alarm only when the start has proved to be the pod's present one,
 * because a kubelet's report of a restart comes late and an honest agent must not be called a thief.
 * It must never let time be gained by trying with ever new keys.
 * @module
 */

/** A second key for one start of an agent. */
export interface EnrolmentAlarm {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly containerId: string;
  /** Thumbprint of the key that was refused. */
  readonly kid: string;
}

interface Suspicion extends EnrolmentAlarm {
  /** On the monotonic clock. */
  readonly sinceSeconds: number;
  hasAlarmed: boolean;
}

/** A start that is still the pod's present one so long after the refusal was not merely reported late. @source protocol.md §8.2 */
export const settlingSeconds = 10;
/** Each needs a genuine token of a live pod; this bounds the memory all the same. */
const suspicionsLimit = 4096;

export class Suspicions {
  /** One for each pod: its newest. */
  readonly #suspicions = new Map<string, Suspicion>();

  /** @returns whether this start has been the pod's present one for long enough since the first refusal */
  note(alarm: EnrolmentAlarm, nowSeconds: number): boolean {
    const known = this.#suspicions.get(alarm.podUid);
    // By the start alone: who tries with ever new keys gains no time.
    if (known?.containerId === alarm.containerId) return nowSeconds - known.sinceSeconds >= settlingSeconds;
    const [oldest] = this.#suspicions.keys();
    if (oldest !== undefined && this.#suspicions.size >= suspicionsLimit) this.#suspicions.delete(oldest);
    this.#suspicions.set(alarm.podUid, { ...alarm, sinceSeconds: nowSeconds, hasAlarmed: false });
    return false;
  }

  /** Those that are to be judged now. */
  due(nowSeconds: number): readonly EnrolmentAlarm[] {
    return [...this.#suspicions.values()].filter(
      ({ hasAlarmed, sinceSeconds }) => !hasAlarmed && nowSeconds - sinceSeconds >= settlingSeconds,
    );
  }

  /** The alarm to be raised now, once for each start. */
  confirm(podUid: string): EnrolmentAlarm | undefined {
    const known = this.#suspicions.get(podUid);
    if (known === undefined || known.hasAlarmed) return undefined;
    known.hasAlarmed = true;
    const { namespace, pod, containerId, kid } = known;
    return { namespace, pod, podUid, containerId, kid };
  }

  /** The start was over, or the pod is gone. */
  drop(podUid: string): void {
    this.#suspicions.delete(podUid);
  }
}
