/**
 * Follows all objects of a resource: lists them, watches what changes, and lists again where the watch has lost its place.
 * It must never die of an error, of its own or of a handler, nor pretend to be current while it is down.
 * @module
 */
import { setTimeout as pauseFor } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ApiError, hasStatus, reasonOf } from './api-error.ts';
import type { ApiClient } from './api-client.ts';
import { isRecord, keyOf, readObject, type KubernetesObject } from './kubernetes-object.ts';

export interface InformerOptions {
  readonly api: ApiClient;
  /** Of the collection. */
  readonly path: string;
  /** For the log. */
  readonly resource: string;
  readonly log: Logger;
  /** Seconds on a clock that cannot step back. */
  readonly monotonicSeconds: () => number;
  /** Unix time, seconds. */
  readonly nowSeconds: () => number;
  /** What is kept of each object. Default: all of it but managedFields. */
  readonly keep?: (object: KubernetesObject) => KubernetesObject;
  readonly changed?: (object: KubernetesObject) => void;
  readonly gone?: (object: KubernetesObject) => void;
  /** After each complete list, with the time at which it began. */
  readonly listed?: (objects: readonly KubernetesObject[], startedSeconds: number) => void;
  /** At each event, bookmark, list, and whole watch: what is kept was true then. */
  readonly seen?: () => void;
  /** Default: a real pause that ends with the signal. */
  readonly pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** The API server ends a watch after so long: each end and new beginning shows that the connection is not a dead one. */
const watchSeconds = 60;
/** It has so much longer to do so. */
const watchGraceSeconds = 15;
const pageSize = 500;
const listTimeoutSeconds = 30;
const shortestPauseMilliseconds = 500;
/** An API server that has just started may refuse once more, and pods that start meanwhile wait for twice this. */
const longestPauseMilliseconds = 8000;

export class Informer {
  readonly #options: InformerOptions;
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #controller = new AbortController();
  #running: Promise<void> | undefined;
  #resourceVersion: string | undefined;
  #downSinceSeconds: number | undefined;
  #failures = 0;
  #listsAgain = false;
  #turn = new AbortController();
  readonly #synced = Promise.withResolvers<void>();

  constructor(options: InformerOptions) {
    this.#options = options;
    this.#downSinceSeconds = options.monotonicSeconds();
  }

  /** Ends the wait when the first list is complete. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** Since when what is kept may be out of date, monotonic seconds; undefined while it follows. */
  get downSinceSeconds(): number | undefined {
    return this.#downSinceSeconds;
  }

  get objects(): Iterable<KubernetesObject> {
    return this.#objects.values();
  }

  get size(): number {
    return this.#objects.size;
  }

  /** @param key - `namespace/name`, or the name at cluster scope */
  get(key: string): KubernetesObject | undefined {
    return this.#objects.get(key);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Lists anew at once, for whoever could not be told of what happened meanwhile. */
  listAgain(): void {
    this.#listsAgain = true;
    this.#turn.abort();
  }

  async stop(): Promise<void> {
    this.#controller.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#controller;
    const { pause = realPause } = this.#options;
    while (!signal.aborted) {
      const turn = new AbortController();
      this.#turn = turn;
      try {
        if (this.#listsAgain || this.#resourceVersion === undefined) {
          this.#listsAgain = false;
          await this.#list(signal);
        }
        await this.#watch(AbortSignal.any([signal, turn.signal]));
      } catch (error) {
        if (signal.aborted) return;
        // Asked for, not a failure. A list that failed is tried again after its pause.
        if (turn.signal.aborted && this.#listsAgain && this.#resourceVersion !== undefined) continue;
        this.#failed(error);
        await pause(this.#pauseMilliseconds(), signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { api, path, nowSeconds } = this.#options;
    const startedSeconds = nowSeconds();
    const found = new Map<string, KubernetesObject>();
    let from: string | undefined;
    let resourceVersion: string;
    do {
      const page: unknown = await api.ask({
        method: 'GET',
        path,
        query: { limit: String(pageSize), ...(from === undefined ? {} : { continue: from }) },
        timeoutSeconds: listTimeoutSeconds,
        signal,
      });
      const metadata = isRecord(page) ? page['metadata'] : undefined;
      const items = isRecord(page) ? page['items'] : undefined;
      if (!isRecord(metadata) || typeof metadata['resourceVersion'] !== 'string' || !Array.isArray(items)) {
        throw new ApiError(0, 'AnswerUnreadable');
      }
      for (const item of items as readonly unknown[]) {
        const object = this.#read(item);
        if (object !== undefined) found.set(keyOf(object), object);
      }
      resourceVersion = metadata['resourceVersion'];
      from = typeof metadata['continue'] === 'string' && metadata['continue'] !== '' ? metadata['continue'] : undefined;
    } while (from !== undefined);

    const before = new Map(this.#objects);
    this.#objects.clear();
    for (const [key, object] of found) this.#objects.set(key, object);
    this.#resourceVersion = resourceVersion;
    this.#follows();
    for (const [key, object] of before) {
      if (found.get(key)?.metadata.uid !== object.metadata.uid) this.#tell('gone', object);
    }
    for (const [key, object] of found) {
      if (before.get(key)?.metadata.resourceVersion !== object.metadata.resourceVersion) this.#tell('changed', object);
    }
    this.#guard(() => this.#options.listed?.([...found.values()], startedSeconds));
    this.#synced.resolve();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { api, path } = this.#options;
    const events = api.follow({
      method: 'GET',
      path,
      query: {
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: this.#resourceVersion!,
        timeoutSeconds: String(watchSeconds),
      },
      timeoutSeconds: watchSeconds + watchGraceSeconds,
      signal,
    });
    for await (const event of events) this.#take(event);
    this.#follows();
  }

  #take(event: unknown): void {
    const type = isRecord(event) ? event['type'] : undefined;
    const value = isRecord(event) ? event['object'] : undefined;
    if (type === 'ERROR') {
      const code = isRecord(value) && typeof value['code'] === 'number' ? value['code'] : 0;
      throw new ApiError(code, reasonOf(value, 'WatchError'));
    }
    if (type === 'BOOKMARK') {
      const metadata = isRecord(value) ? value['metadata'] : undefined;
      const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
      if (typeof version !== 'string' || version === '') throw new ApiError(0, 'AnswerUnreadable');
      this.#resourceVersion = version;
      this.#follows();
      return;
    }
    const object = this.#read(value);
    if (object === undefined) throw new ApiError(0, 'AnswerUnreadable');
    this.#resourceVersion = object.metadata.resourceVersion;
    this.#follows();
    const key = keyOf(object);
    if (type === 'DELETED') {
      this.#objects.delete(key);
      this.#tell('gone', object);
    } else if (type === 'ADDED' || type === 'MODIFIED') {
      const before = this.#objects.get(key);
      this.#objects.set(key, object);
      // Deleted and made anew while nobody looked.
      if (before !== undefined && before.metadata.uid !== object.metadata.uid) this.#tell('gone', before);
      this.#tell('changed', object);
    } else throw new ApiError(0, 'AnswerUnreadable');
  }

  #read(value: unknown): KubernetesObject | undefined {
    const object = readObject(value);
    if (object === undefined) {
      this.#options.log.warn({ resource: this.#options.resource }, 'Passed over an object that cannot be read');
      return undefined;
    }
    return this.#options.keep === undefined ? withoutManagedFields(object) : this.#options.keep(object);
  }

  #follows(): void {
    this.#failures = 0;
    this.#downSinceSeconds = undefined;
    this.#guard(() => this.#options.seen?.());
  }

  #failed(error: unknown): void {
    const { log, resource, monotonicSeconds } = this.#options;
    // 410: what happened since is forgotten. An answer that cannot be read may have hidden an event.
    const hasLostItsPlace = hasStatus(error, 410) || (error instanceof ApiError && error.reason === 'AnswerUnreadable');
    if (hasLostItsPlace) this.#resourceVersion = undefined;
    this.#failures += 1;
    this.#downSinceSeconds ??= monotonicSeconds();
    log.warn({ resource, error, failures: this.#failures, listsAgain: hasLostItsPlace }, 'Following was interrupted');
  }

  #pauseMilliseconds(): number {
    return Math.min(shortestPauseMilliseconds * 2 ** (this.#failures - 1), longestPauseMilliseconds);
  }

  #tell(what: 'changed' | 'gone', object: KubernetesObject): void {
    this.#guard(() => this.#options[what]?.(object));
  }

  /** What a handler throws is its defect, not a reason to stop following. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.log.error({ resource: this.#options.resource, error }, 'A handler failed');
    }
  }
}

function withoutManagedFields(object: KubernetesObject): KubernetesObject {
  const { managedFields: _, ...metadata } = object.metadata as typeof object.metadata & { managedFields?: unknown };
  return { ...object, metadata };
}

async function realPause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await pauseFor(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
}
