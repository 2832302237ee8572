/**
 * Tells agents of new versions: looks at the bindings and versions of every stream from time to time, and at once after a write here.
 * It must never tell a pod of what the live binding does not let it read, nor hold up one stream for another.
 * @module
 */
import type { LiveBinding, Permitted } from '@letterlock/core';
import { canonicalBytes, ProblemError, type WatchEvent } from '@letterlock/protocol';
import type { UnsealedAgentServices } from './agent-calls.ts';

export interface WatchHubOptions {
  readonly everyMilliseconds: number;
  /** Whether the unsealed period that a stream began in still lasts. */
  readonly isUnsealed: (unsealed: UnsealedAgentServices) => boolean;
}

/** One secret that a pod may read. */
export interface WatchedSecret {
  readonly binding: LiveBinding;
  readonly secret: string;
  readonly permission: Permitted<'secret.read'>;
}

export interface WatchStream {
  readonly unsealed: UnsealedAgentServices;
  /** @throws 'bad_proof' once the certificate has ended */
  readonly stillKnown: () => Promise<boolean>;
  /** Anew at each look. @throws 'unavailable' */
  readonly permissions: () => readonly WatchedSecret[];
  readonly emit: (event: WatchEvent) => void;
  readonly signal: AbortSignal;
}

const nothing = new Uint8Array(0);
const everything: WatchEvent = { binding: '', secret: '', version: 0, delivery: nothing, wrap: '' };
const unwritten: Written = { version: 0, wrap: '' };

/** What a secret is now: a version, or, if it opens once, a wrap. */
type Written = Pick<WatchEvent, 'version' | 'wrap'>;

interface Looked {
  readonly written: Promise<Written>;
  readonly atMilliseconds: number;
}

export class WatchHub {
  readonly #o: WatchHubOptions;
  /** By path: pods of one binding ask for the same. */
  readonly #looked = new Map<string, Looked>();
  #wake = Promise.withResolvers<void>();

  constructor(options: WatchHubOptions) {
    this.#o = options;
  }

  /** A version was written here. */
  noticed(path: string): void {
    this.#looked.delete(path);
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers();
    resolve();
  }

  /** Until the abort. @throws 'sealed', 'bad_proof' once the pod is not known any more, 'unavailable' */
  async follow(stream: WatchStream): Promise<void> {
    const told = new Map<string, string>();
    let isFirst = true;
    while (!stream.signal.aborted) {
      if (!this.#o.isUnsealed(stream.unsealed)) throw new ProblemError('sealed');
      if (!(await stream.stillKnown())) throw new ProblemError('bad_proof', { reason: 'workload_revoked' });
      const { promise } = this.#wake;
      for (const watched of stream.permissions()) await this.#tell(stream, watched, told);
      if (isFirst) stream.emit(everything);
      isFirst = false;
      await this.#pause(promise, stream.signal);
    }
  }

  /** Tells what is not told yet: a version, or what the binding says about delivery. */
  async #tell(stream: WatchStream, watched: WatchedSecret, told: Map<string, string>): Promise<void> {
    const { binding, secret } = watched;
    const { version, wrap } = await this.#written(stream, watched);
    const delivery = binding.delivery === undefined ? nothing : canonicalBytes(binding.delivery);
    const name = `${binding.namespace}/${binding.name}`;
    const stamp = `${version} ${wrap} ${Buffer.from(delivery).toString('latin1')}`;
    const key = `${name}/${secret}`;
    if (told.get(key) === stamp || stream.signal.aborted) return;
    told.set(key, stamp);
    stream.emit({ binding: name, secret, version, delivery, wrap });
  }

  async #written({ unsealed }: WatchStream, watched: WatchedSecret): Promise<Written> {
    const { path } = watched.permission.action;
    const now = performance.now();
    const known = this.#looked.get(path);
    if (known !== undefined && now - known.atMilliseconds < this.#o.everyMilliseconds / 2) return known.written;
    const looked = { written: look(unsealed, watched), atMilliseconds: now };
    this.#looked.set(path, looked);
    try {
      return await looked.written;
    } catch (error) {
      if (this.#looked.get(path) === looked) this.#looked.delete(path);
      throw error;
    }
  }

  async #pause(woken: Promise<void>, signal: AbortSignal): Promise<void> {
    const ended = Promise.withResolvers<void>();
    const end = (): void => ended.resolve();
    const timer = setTimeout(end, this.#o.everyMilliseconds);
    signal.addEventListener('abort', end, { once: true });
    await Promise.race([woken, ended.promise]);
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}

async function look(
  { secrets, wraps }: Pick<UnsealedAgentServices, 'secrets' | 'wraps'>,
  { binding, secret, permission }: WatchedSecret,
): Promise<Written> {
  const opensOnce = binding.secrets.some(({ name, opens }) => name === secret && opens === 'Once');
  if (!opensOnce) return { version: await secrets.latest(permission), wrap: '' };
  const wrap = await wraps.latest(permission);
  return wrap === undefined ? unwritten : { version: 1, wrap };
}
