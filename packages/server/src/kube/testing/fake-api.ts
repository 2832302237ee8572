/**
 * An API server in memory: objects with versions, lists in pages, watches, server-side apply of whole members, finalizers.
 * It must never be kinder than the real one: kube-contract.ts is run against both.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { ApiError } from '../api-error.ts';
import type { ApiClient, ApiRequest } from '../api-client.ts';

interface Stored {
  [member: string]: unknown;
  metadata: Record<string, unknown> & { name: string; resourceVersion: string };
}

interface WatchEvent {
  readonly collection: string;
  readonly version: number;
  readonly event: { readonly type: string; readonly object: Stored };
}

/** What a path that is no collection answers, such as token reviews. */
type Answer = (body: unknown) => unknown;

interface Place {
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

const placePattern =
  /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

export class FakeApi implements ApiClient {
  /** Every request that was made, in order. */
  readonly requests: ApiRequest[] = [];
  readonly answers = new Map<string, Answer>();
  /** Thrown for every call while it is set. */
  failure: ApiError | undefined;
  readonly #collections = new Map<string, Map<string, Stored>>();
  #version = 100;
  #forgottenBefore = 0;
  readonly #events: WatchEvent[] = [];
  #wake = Promise.withResolvers<void>();
  #closed = 0;

  async ask(request: ApiRequest): Promise<unknown> {
    await Promise.resolve();
    this.requests.push(request);
    if (this.failure !== undefined) throw this.failure;
    if (request.signal?.aborted === true) throw new ApiError(0, 'Aborted');
    const answer = this.answers.get(request.path);
    if (answer !== undefined) return copyOf(answer(request.body));
    const place = placeOf(request.path);
    return copyOf(this.#answer(request, place));
  }

  async *follow(request: ApiRequest): AsyncIterable<unknown> {
    this.requests.push(request);
    if (this.failure !== undefined) throw this.failure;
    const { collection, namespace } = placeOf(request.path);
    let after = Number(request.query?.['resourceVersion']);
    if (after < this.#forgottenBefore) {
      yield { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } };
      return;
    }
    const closed = this.#closed;
    const aborted = new Promise<void>((resolve) => {
      request.signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    while (closed === this.#closed && request.signal?.aborted !== true) {
      const wake = this.#wake.promise;
      const due = this.#events.filter(
        (each) =>
          each.version > after &&
          each.collection === collection &&
          (namespace === undefined || each.event.object.metadata['namespace'] === namespace),
      );
      for (const { event, version } of due) {
        after = version;
        yield copyOf(event);
      }
      if (due.length === 0) await Promise.race([wake, aborted]);
    }
    if (request.signal?.aborted === true) throw new ApiError(0, 'Aborted');
  }

  /** Ends every watch, as the API server does now and then. */
  closeWatches(): void {
    this.#closed += 1;
    this.#stir();
  }

  /** Forgets what happened so far: a watch from before is answered 410. */
  forget(): void {
    this.#forgottenBefore = this.#version + 1;
    this.#version += 1;
    this.#events.length = 0;
  }

  /** Sends a raw event to the watches of a collection. */
  emit(collection: string, event: object): void {
    this.#version += 1;
    this.#events.push({ collection, version: this.#version, event: event as WatchEvent['event'] });
    this.#stir();
  }

  #answer(request: ApiRequest, place: Place): unknown {
    const { method, body } = request;
    if (method === 'GET') return place.name === undefined ? this.#list(request, place) : this.#demanded(place);
    if (method === 'POST') return this.#create(place, body as Stored);
    if (method === 'PUT') return this.#replace(place, body as Stored);
    if (method === 'PATCH') return this.#patch(request, place, body as Stored);
    return this.#delete(place);
  }

  #list({ query }: ApiRequest, place: Place): unknown {
    const all = [...(this.#collections.get(place.collection)?.values() ?? [])].filter(
      ({ metadata }) => place.namespace === undefined || metadata['namespace'] === place.namespace,
    );
    const from = Number(query?.['continue'] ?? 0);
    const limit = Number(query?.['limit'] ?? all.length);
    const next = from + limit;
    return {
      kind: 'List',
      metadata: { resourceVersion: String(this.#version), ...(next < all.length ? { continue: String(next) } : {}) },
      items: all.slice(from, next),
    };
  }

  #demanded(place: Place): Stored {
    const found = this.#collections.get(place.collection)?.get(keyOf(place));
    if (found === undefined) throw new ApiError(404, 'NotFound');
    return found;
  }

  #create(place: Place, body: Stored): Stored {
    const { generateName, ...metadata } = body.metadata;
    const name = metadata.name ?? `${String(generateName)}${randomUUID().slice(0, 5)}`;
    if (this.#collections.get(place.collection)?.has(keyOf({ ...place, name })) === true) {
      throw new ApiError(409, 'AlreadyExists');
    }
    return this.#store(place, 'ADDED', {
      ...body,
      metadata: {
        ...metadata,
        name,
        ...(place.namespace === undefined ? {} : { namespace: place.namespace }),
        uid: randomUUID(),
        generation: 1,
        creationTimestamp: '2026-01-01T00:00:00Z',
        resourceVersion: '',
      },
    });
  }

  #replace(place: Place, body: Stored): Stored {
    const before = this.#demanded(place);
    const { resourceVersion } = body.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
      throw new ApiError(409, 'Conflict');
    }
    return this.#change(place, before, { ...body, metadata: { ...before.metadata, ...body.metadata } });
  }

  #patch({ contentType, query }: ApiRequest, place: Place, body: Stored): Stored {
    const isApply = contentType === 'application/apply-patch+yaml';
    if (isApply && query?.['fieldManager'] === undefined) throw new ApiError(400, 'BadRequest');
    const before = this.#collections.get(place.collection)?.get(keyOf(place));
    if (before === undefined) {
      if (!isApply || place.subresource !== undefined) throw new ApiError(404, 'NotFound');
      return this.#create(place, body);
    }
    const { status, metadata, ...rest } = body;
    if (place.subresource === 'status') return this.#change(place, before, { ...before, status });
    const demandedVersion = (metadata as { resourceVersion?: string } | undefined)?.resourceVersion;
    if (demandedVersion !== undefined && demandedVersion !== before.metadata.resourceVersion) {
      throw new ApiError(409, 'Conflict');
    }
    return this.#change(place, before, { ...before, ...rest, metadata: { ...before.metadata, ...metadata } });
  }

  #delete(place: Place): unknown {
    const before = this.#demanded(place);
    if (((before.metadata['finalizers'] ?? []) as unknown[]).length > 0) {
      return this.#change(place, before, {
        ...before,
        metadata: { ...before.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
      });
    }
    this.#remove(place, before);
    return { kind: 'Status', status: 'Success' };
  }

  #change(place: Place, before: Stored, after: Stored): Stored {
    const isSame = JSON.stringify(before) === JSON.stringify(after);
    if (isSame) return before;
    const isNewSpec = JSON.stringify(before['spec']) !== JSON.stringify(after['spec']);
    const generation = Number(before.metadata['generation']) + (isNewSpec ? 1 : 0);
    const stored = { ...after, metadata: { ...after.metadata, generation } };
    const { deletionTimestamp, finalizers } = after.metadata;
    if (deletionTimestamp !== undefined && ((finalizers ?? []) as unknown[]).length === 0) {
      this.#remove(place, stored);
      return stored;
    }
    return this.#store(place, 'MODIFIED', stored);
  }

  #store(place: Place, type: string, object: Stored): Stored {
    this.#version += 1;
    const stored = copyOf(object) as Stored;
    stored.metadata.resourceVersion = String(this.#version);
    const collection = this.#collections.get(place.collection) ?? new Map<string, Stored>();
    this.#collections.set(place.collection, collection);
    collection.set(keyOf({ ...place, name: stored.metadata.name }), stored);
    this.#events.push({ collection: place.collection, version: this.#version, event: { type, object: stored } });
    this.#stir();
    return stored;
  }

  #remove(place: Place, before: Stored): void {
    this.#version += 1;
    this.#collections.get(place.collection)?.delete(keyOf(place));
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.#version) } };
    this.#events.push({ collection: place.collection, version: this.#version, event: { type: 'DELETED', object } });
    this.#stir();
  }

  #stir(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers<void>();
    resolve();
  }
}

function placeOf(path: string): Place {
  const [, root, namespace, resource, name, subresource] = placePattern.exec(path) ?? [];
  if (root === undefined || resource === undefined) throw new ApiError(404, 'NotFound');
  return { collection: `${root}/${resource}`, namespace, resource, name, subresource };
}

function keyOf({ namespace, name }: Pick<Place, 'namespace' | 'name'>): string {
  return `${namespace ?? ''}/${name ?? ''}`;
}

function copyOf(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
