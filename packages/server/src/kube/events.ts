/**
 * Kubernetes events about objects of ours: each says one thing, seldom.
 * It must never name a secret at cluster scope, nor flood the API server: one of a kind a minute for each object.
 * @module
 */
import type { Logger } from 'pino';
import { pathOf, type ApiClient } from './api-client.ts';

export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** Upper camel case. */
  readonly reason: string;
  readonly message: string;
}

export interface EventRecorder {
  /** Never throws and never waits: an event that is lost is only an event. */
  record(subject: EventSubject, text: EventText): void;
  /** Waits for those under way. */
  settle(): Promise<void>;
}

const component = 'letterlock';
const sameSeconds = 60;
/** The API server keeps 1024 characters of a message. */
const messageCharacters = 1024;
const mostRemembered = 10_000;
const mostUnderWay = 8;
/** Over all objects. */
const burst = 50;
const refillPerSecond = 5;

export function createEventRecorder(o: {
  readonly api: ApiClient;
  readonly log: Logger;
  readonly nowSeconds: () => number;
  /** Name of this process, such as its pod's. */
  readonly instance: string;
}): EventRecorder {
  const lastSeconds = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  let tokens = burst;
  let refilledSeconds = o.nowSeconds();

  function isAllowed(key: string, nowSeconds: number): boolean {
    const last = lastSeconds.get(key);
    if (last !== undefined && nowSeconds - last < sameSeconds) return false;
    tokens = Math.min(burst, tokens + Math.max(0, nowSeconds - refilledSeconds) * refillPerSecond);
    refilledSeconds = nowSeconds;
    if (tokens < 1 || underWay.size >= mostUnderWay) return false;
    tokens -= 1;
    lastSeconds.delete(key);
    lastSeconds.set(key, nowSeconds);
    if (lastSeconds.size > mostRemembered) lastSeconds.delete(lastSeconds.keys().next().value!);
    return true;
  }

  return {
    record(subject, text) {
      const nowSeconds = o.nowSeconds();
      if (!isAllowed(`${subject.uid} ${text.reason}`, nowSeconds)) return;
      const { namespace } = subject;
      const time = new Date(nowSeconds * 1000).toISOString().replace('.000Z', 'Z');
      const body = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { generateName: `${subject.name.slice(0, 200)}.`, namespace },
        involvedObject: subject,
        type: text.type,
        reason: text.reason,
        message: text.message.slice(0, messageCharacters),
        source: { component },
        reportingComponent: component,
        reportingInstance: o.instance,
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
      };
      const path = pathOf({ apiVersion: 'v1', resource: 'events', namespace });
      const sending = o.api
        .ask({ method: 'POST', path, body })
        .then(() => undefined)
        // A namespace that is being deleted takes none.
        .catch((error: unknown) => o.log.debug({ error, reason: text.reason }, 'Could not record an event'))
        .finally(() => underWay.delete(sending));
      underWay.add(sending);
    },
    async settle() {
      await Promise.all(underWay);
    },
  };
}
