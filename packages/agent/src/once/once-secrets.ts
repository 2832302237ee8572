/**
 * Secrets of the pod that open once: what an earlier start has placed, when a wrap is tried, what was refused and why, and
 * what is still to be acknowledged. It must never try a wrap again that is gone, nor be silent about who was first.
 * @module
 */
import type { Identity } from '@letterlock/client';
import { decodeSecretMap } from '@letterlock/crypto';
import { isProblemError } from '@letterlock/protocol';
import { errorFacts, type Log } from '../log.ts';
import type { Link } from '../membership.ts';
import type { Metrics } from '../metrics.ts';
import { nameOf, type HeldSecret, type Offer, type SecretStore } from '../secret-store.ts';
import type { OnceFolder } from './once-folder.ts';
import { acknowledgeOnce, openOnce, refusedOpening, type OpenOnceOptions } from './open-once.ts';

export interface OnceSecretsOptions {
  readonly folder: OnceFolder;
  readonly identity: Identity;
  readonly selector: string;
  readonly namespace: string;
  readonly nowSeconds: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Words of SecretBinding conditions and events, where one fits. @source kubernetes.md §1 */
type OnceReason = 'OnceManyPods' | 'OnceLost' | 'NotWritten' | 'NotFound' | 'Refused';
interface Refusal {
  readonly reason: OnceReason;
  readonly againAtSeconds: number;
}

/** A claim of another ends within 15 minutes, and what it ends as is worth knowing. */
const claimedAgainSeconds = 60;
const never = Number.POSITIVE_INFINITY;
/** Of a wrap that ended unopened: somebody must write again. */
const unopened: ReadonlySet<string> = new Set(['EXPIRED', 'REVOKED']);

export class OnceSecrets {
  readonly #o: OnceSecretsOptions;
  /** By id of the wrap. */
  readonly #refused = new Map<string, Refusal>();
  /** Opened and placed, and the service does not know it yet. */
  readonly #toAcknowledge = new Map<string, Offer>();

  constructor(options: OnceSecretsOptions) {
    this.#o = options;
  }

  /** What is in the volume from earlier starts of the container: it is never opened a second time. */
  restore(store: SecretStore): void {
    const { folder, log } = this.#o;
    for (const { binding, secret, wrap, content } of folder.placed()) {
      try {
        store.take(nameOf({ binding, secret }), { version: 1, instance: '', wrap, values: decodeSecretMap(content) });
        log.info('Found a secret that an earlier start had opened', { binding, secret });
      } catch (error) {
        log.error('Could not read what an earlier start had opened', { binding, secret, ...errorFacts(error) });
      } finally {
        content.fill(0);
      }
    }
  }

  /** Whether a wrap is to be tried now. */
  isDue({ wrap }: Pick<Offer, 'wrap'>): boolean {
    return this.#o.nowSeconds() >= (this.#refused.get(wrap)?.againAtSeconds ?? 0);
  }

  /** Whether there is something to be done later by itself. */
  get isWaiting(): boolean {
    const mayComeRight = [...this.#refused.values()].some(({ againAtSeconds }) => againAtSeconds !== never);
    return mayComeRight || this.#toAcknowledge.size > 0;
  }

  /** Why a wrap is not here; undefined where nothing was refused. */
  reasonOf({ wrap }: Pick<Offer, 'wrap'>): OnceReason | undefined {
    return this.#refused.get(wrap)?.reason;
  }

  /** Forgets refusals of wraps that are no longer offered. */
  keepOnly(wraps: ReadonlySet<string>): void {
    for (const wrap of this.#refused.keys()) if (!wraps.has(wrap)) this.#refused.delete(wrap);
  }

  /** Opens, and acknowledges as soon as the content is in the volume. @throws what may come right by itself, and refusals */
  async open(offer: Offer, link: Link, signal: AbortSignal): Promise<HeldSecret> {
    const { metrics } = this.#o;
    const options = this.#options(link, signal);
    let held: HeldSecret;
    try {
      held = await openOnce(offer, options);
    } catch (error) {
      this.#remember(error, offer, options);
      throw error;
    }
    this.#refused.delete(offer.wrap);
    metrics.count('opens');
    this.#toAcknowledge.set(nameOf(offer), offer);
    await this.acknowledge(link, signal);
    return held;
  }

  /** Acknowledges what is left to be. */
  async acknowledge(link: Link, signal: AbortSignal): Promise<void> {
    const { log } = this.#o;
    for (const [name, offer] of this.#toAcknowledge) {
      const { binding, secret } = offer;
      try {
        await acknowledgeOnce(offer, this.#options(link, signal));
        log.info('Acknowledged a secret that opens once', { binding, secret });
      } catch (error) {
        const mayComeRight = !isProblemError(error) || error.status >= 500 || error.code === 'bad_nonce';
        log.warn('Could not acknowledge a secret', { binding, secret, ...errorFacts(error) });
        if (signal.aborted || mayComeRight) continue;
      }
      this.#toAcknowledge.delete(name);
    }
  }

  #options(link: Link, signal: AbortSignal): OpenOnceOptions {
    const { folder, identity, selector, namespace } = this.#o;
    return { link, signal, folder, identity, selector, namespace };
  }

  #remember(error: unknown, offer: Offer, options: OpenOnceOptions): void {
    const { log, nowSeconds } = this.#o;
    const refused = refusedOpening(error, offer, options);
    const again = (seconds: number): number => nowSeconds() + seconds;
    if (refused !== undefined) {
      const { state, at, by, isProven, isOwnLoss } = refused;
      const reason = unopened.has(state) ? 'NotWritten' : isOwnLoss ? 'OnceLost' : 'OnceManyPods';
      const isOver = isProblemError(error) && error.code === 'gone';
      this.#refused.set(offer.wrap, { reason, againAtSeconds: isOver ? never : again(claimedAgainSeconds) });
      const { binding, secret } = offer;
      log.error('A secret that opens once was not for this start of the pod', {
        binding,
        secret,
        because: reason,
        state,
        at,
        ...(by === undefined ? {} : { by }),
        proven: isProven,
      });
    } else if (isProblemError(error) && (error.code === 'bad_envelope' || error.code === 'bad_encoding')) {
      // The answer was not what was asked for: asking on would spend the deliveries of the claim.
      this.#refused.set(offer.wrap, { reason: 'Refused', againAtSeconds: never });
    } else if (isProblemError(error) && error.code === 'not_found') {
      this.#refused.set(offer.wrap, { reason: 'NotFound', againAtSeconds: again(claimedAgainSeconds) });
    }
  }
}
