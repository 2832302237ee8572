/**
 * What the agent waits for and since when, said in its log at once and from time to time, and on the socket.
 * It must never be silent while a pod waits, nor repeat itself at every attempt.
 * @module
 */
import { isProblemError } from '@letterlock/protocol';
import { errorFacts, type Log } from './log.ts';

/** Who waits: for the certificate, for the news of secrets, for a secret to be written, for a file to be made. */
export type Waiter = 'membership' | 'watch' | 'secrets' | 'files';

/** Words of SecretBinding conditions and events, where one fits. @source kubernetes.md §1 */
const reasons: Readonly<Record<string, string>> = {
  sealed: 'Sealed',
  uninitialised: 'Uninitialised',
  connect_failed: 'ServerUnreachable',
  connection_lost: 'ServerUnreachable',
  timeout: 'ServerUnreachable',
  denied: 'Refused',
  bad_proof: 'Refused',
};
const againSeconds = 60;

export interface WaitingFor {
  readonly reason: string;
  /** Seconds. */
  readonly since: number;
}

export class Waiting {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #all = new Map<Waiter, WaitingFor & { saidAt: number }>();

  constructor(log: Log, nowSeconds: () => number) {
    this.#log = log;
    this.#now = nowSeconds;
  }

  /** The first one, if there is any. */
  get current(): WaitingFor | undefined {
    const [first] = this.#all.values();
    return first === undefined ? undefined : { reason: first.reason, since: first.since };
  }

  of(waiter: Waiter): WaitingFor | undefined {
    return this.#all.get(waiter);
  }

  /** @param why - an error, or a reason in the words of the binding's conditions */
  because(waiter: Waiter, why: unknown): void {
    const reason = typeof why === 'string' ? why : reasonOf(why);
    const known = this.#all.get(waiter);
    const now = this.#now();
    if (known?.reason === reason && now - known.saidAt < againSeconds) return;
    const since = known?.since ?? now;
    this.#all.set(waiter, { reason, since, saidAt: now });
    const facts = typeof why === 'string' ? {} : errorFacts(why);
    this.#log.warn('Waiting', { for: waiter, because: reason, seconds: now - since, ...facts });
  }

  over(waiter: Waiter): void {
    this.#all.delete(waiter);
  }
}

function reasonOf(error: unknown): string {
  const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  if (isProblemError(error) && typeof reason === 'string' && reason.startsWith('grpc_')) return 'ServerUnreachable';
  if (typeof code === 'string' && Object.hasOwn(reasons, code)) return reasons[code]!;
  return typeof reason === 'string' ? reason : typeof code === 'string' ? code : 'Failed';
}
