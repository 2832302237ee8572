/**
 * Follows the secrets of the pod: hears of versions, reads them, writes the set of files, tells the application.
 * It must never replace a set by one in which something is missing, nor fail a pod that once had its files.
 * @module
 */
import type { Identity } from '@letterlock/client';
import { bindingDelivery, readClaims, type PodDelivery, type WatchEvent } from '@letterlock/protocol';
import { Backoff, pause } from './backoff.ts';
import type { AgentSettings } from './environment.ts';
import { planFiles, wantsBinding } from './files/plan-files.ts';
import { renderSet } from './files/render-set.ts';
import type { FileToWrite } from './files/write-set.ts';
import { errorFacts, type Log } from './log.ts';
import type { Link, Membership } from './membership.ts';
import type { Metrics } from './metrics.ts';
import type { OnceSecrets } from './once/once-secrets.ts';
import { readSecret } from './read-secret.ts';
import { nameOf, type HeldSecret, type Offer, type SecretStore } from './secret-store.ts';
import type { Waiting } from './waiting.ts';

export interface DeliveryOptions {
  readonly settings: Pick<AgentSettings, 'namespace' | 'delivery' | 'selector' | 'isWriter'>;
  readonly identity: Identity;
  readonly membership: Pick<Membership, 'linked' | 'link'>;
  readonly store: SecretStore;
  readonly once: OnceSecrets;
  /** Replaces the set of files. */
  readonly write: (files: readonly FileToWrite[]) => void;
  /** The set of an earlier start of this container is in place. */
  readonly hadSet: boolean;
  /** A set after the first one was written. */
  readonly updated: (pod: Conduct) => void;
  readonly nowSeconds: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly waiting: Waiting;
}

/** How a pod wants to be treated: its own word first, then that of the first binding that has one. */
export type Conduct = Pick<PodDelivery, 'on_missing' | 'on_update' | 'wait_timeout_seconds'>;

const backoffLimits = { firstMilliseconds: 200, mostMilliseconds: 10_000 };
const defaultWaitSeconds = 240;
/** Changes that come together make one set. */
const gatherMilliseconds = 20;
const failedReadMilliseconds = 2000;

export class Delivery {
  readonly #o: DeliveryOptions;
  readonly #ready = Promise.withResolvers<void>();
  #isReady: boolean;
  #isFollowing = false;
  #staleSince: number;
  /** When the wait for what is not written began. */
  #missingSince: number | undefined;
  /** What the present set was made of. */
  #written: string | undefined;

  constructor(options: DeliveryOptions) {
    this.#o = options;
    this.#isReady = options.hadSet;
    this.#staleSince = options.nowSeconds();
    if (this.#isReady) this.#ready.resolve();
  }

  /** The files are there. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Resolves when the files are there; rejects when the pod must not wait any longer. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Seconds since when changes are not heard of; undefined while they are. */
  get staleSince(): number | undefined {
    return this.#isFollowing ? undefined : this.#staleSince;
  }

  /** Until the abort. */
  async run(signal: AbortSignal): Promise<void> {
    const { membership, waiting, nowSeconds } = this.#o;
    const backoff = new Backoff(backoffLimits);
    let last: Link | undefined;
    while (!signal.aborted) {
      let link: Link | undefined;
      try {
        link = await membership.linked(last, signal);
        await this.#follow(link, signal, () => backoff.succeeded());
        last = undefined;
      } catch (error) {
        if (signal.aborted) return;
        // The connection was replaced by one with a newer certificate: nothing has failed.
        if (membership.link !== link && membership.link !== undefined) continue;
        waiting.because('watch', error);
        await pause(backoff.failed(), signal);
      } finally {
        if (this.#isFollowing) this.#staleSince = nowSeconds();
        this.#isFollowing = false;
      }
    }
  }

  /** Fails the wait of a pod whose secrets are not written in time; to be called every second. */
  checkTime(): void {
    if (this.#isReady || this.#missingSince === undefined) return;
    const limit = this.#conduct().wait_timeout_seconds ?? defaultWaitSeconds;
    if (this.#o.nowSeconds() - this.#missingSince < limit) return;
    this.#ready.reject(new Error('The secrets were not written in time'));
  }

  async #follow(link: Link, signal: AbortSignal, heard: () => void): Promise<void> {
    const { waiting } = this.#o;
    const listed = new Set<string>();
    const state = { isListing: true, isOver: false };
    let wake = Promise.withResolvers<void>();
    const onEvent = (event: WatchEvent): void => {
      heard();
      waiting.over('watch');
      if (event.binding === '') {
        state.isListing = false;
        this.#o.store.keepOffers(listed);
        this.#o.once.keepOnly(new Set(this.#o.store.offers.map(({ wrap }) => wrap)));
        this.#isFollowing = true;
      } else {
        const offer = this.#offerOf(event);
        if (offer !== undefined) {
          listed.add(nameOf(offer));
          this.#o.store.offer(offer);
        }
      }
      wake.resolve();
    };
    const ended = Promise.withResolvers<void>();
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const watching = link.rpc.watch(onEvent, both).finally(() => {
      state.isOver = true;
      wake.resolve();
      ended.resolve();
    });
    // Looked at once the loop has ended; until then a failure must not count as unhandled.
    watching.catch(() => undefined);
    try {
      while (!state.isOver) {
        await wake.promise;
        wake = Promise.withResolvers<void>();
        if (state.isListing || state.isOver) continue;
        await pause(gatherMilliseconds, both);
        if (!(await this.#settle(link, both))) {
          const again = wake;
          void pause(failedReadMilliseconds, both).then(() => again.resolve());
        }
      }
    } finally {
      stop.abort();
      await ended.promise;
    }
    await watching;
  }

  #offerOf(event: WatchEvent): Offer | undefined {
    const { settings, log } = this.#o;
    const [namespace, binding, ...rest] = event.binding.split('/');
    if (namespace !== settings.namespace || binding === undefined || rest.length > 0) return undefined;
    if (!wantsBinding(settings.delivery, binding)) return undefined;
    try {
      const delivery = event.delivery.length === 0 ? {} : readClaims(bindingDelivery, event.delivery);
      return { binding, secret: event.secret, version: event.version, wrap: event.wrap, delivery };
    } catch (error) {
      log.error('Could not read what a binding says about delivery', { binding, ...errorFacts(error) });
      return undefined;
    }
  }

  /** Reads what is new, and writes the set when all is there. @returns whether nothing failed that may come right by itself */
  async #settle(link: Link, signal: AbortSignal): Promise<boolean> {
    const { store, once, metrics, log } = this.#o;
    let isAllRead = true;
    await once.acknowledge(link, signal);
    for (const offer of store.unread(link.trust.instanceKey.thumbprint)) {
      if (signal.aborted) return true;
      if (!once.isDue(offer)) continue;
      try {
        const held = await this.#read(offer, link, signal);
        if (store.take(nameOf(offer), held)) {
          metrics.count('reads');
          log.info('Read a secret', { binding: offer.binding, secret: offer.secret, version: held.version });
        }
      } catch (error) {
        if (signal.aborted) return true;
        isAllRead = false;
        metrics.count('read_failures');
        const { binding, secret } = offer;
        log.warn('Could not read a secret', { binding, secret, version: offer.version, ...errorFacts(error) });
      }
    }
    this.#deliver();
    return isAllRead && !once.isWaiting;
  }

  #read(offer: Offer, link: Link, signal: AbortSignal): Promise<HeldSecret> {
    const { once, identity, settings } = this.#o;
    const { namespace, selector } = settings;
    if (offer.wrap !== '') return once.open(offer, link, signal);
    return readSecret(offer, { ...link, identity, selector, namespace, signal });
  }

  #deliver(): void {
    const { store, settings, waiting } = this.#o;
    const wasReady = this.#isReady;
    const missing = this.#missing();
    if (missing !== undefined) {
      waiting.because('secrets', missing.reason);
      // What this start has read it still has: a pod that may start without gets what has come since.
      if (wasReady && (missing.action !== 'Start' || this.#written === undefined)) return;
      this.#missingSince ??= this.#o.nowSeconds();
      if (missing.action === 'Fail') this.#ready.reject(new Error('A secret is not written'));
      if (missing.action !== 'Start') return;
    } else waiting.over('secrets');
    const offered = store.offers.flatMap((offer) => {
      const held = store.held(nameOf(offer));
      return held === undefined ? [] : [{ ...offer, ...held }];
    });
    const stamp = JSON.stringify(
      offered.map(({ binding, secret, version, instance, wrap, delivery }) => [
        binding,
        secret,
        version,
        instance,
        wrap,
        delivery,
      ]),
    );
    if (stamp === this.#written) return;
    try {
      this.#writeFiles(planFiles(settings.delivery, offered));
    } catch (error) {
      waiting.because('files', error);
      if (!wasReady) this.#missingSince ??= this.#o.nowSeconds();
      return;
    }
    waiting.over('files');
    this.#written = stamp;
    this.#isReady = true;
    this.#ready.resolve();
    if (wasReady) this.#o.updated(this.#conduct());
  }

  #writeFiles(planned: ReturnType<typeof planFiles>): void {
    const { store, write, metrics, log } = this.#o;
    const files = renderSet(planned, (file) => store.held(nameOf(file))!.values);
    try {
      write(files);
    } finally {
      for (const { content } of files) content.fill(0);
    }
    metrics.count('sets');
    log.info('Wrote the files', { files: files.length });
  }

  /** What is not there of what the pod should have. */
  #missing(): { readonly reason: string; readonly action: NonNullable<Conduct['on_missing']> } | undefined {
    const { store, settings } = this.#o;
    const { delivery, isWriter } = settings;
    const absent = store.offers.filter((offer) => store.held(nameOf(offer)) === undefined);
    const names = new Set(store.offers.map(nameOf));
    const actions = absent.map((offer) => delivery.on_missing ?? offer.delivery.on_missing ?? 'Wait');
    const isUnoffered =
      delivery.files.some((file) => !names.has(nameOf(file))) ||
      (delivery.bindings ?? []).some((binding) => !store.offers.some((offer) => offer.binding === binding)) ||
      (names.size === 0 && !isWriter);
    if (isUnoffered) return { reason: 'NoBinding', action: delivery.on_missing ?? 'Wait' };
    if (actions.length === 0) return undefined;
    const action = (['Fail', 'Wait', 'Start'] as const).find((each) => actions.includes(each))!;
    const refused = absent.map((offer) => this.#o.once.reasonOf(offer)).find((reason) => reason !== undefined);
    return { reason: refused ?? (absent.some(({ version }) => version === 0) ? 'NotWritten' : 'NotRead'), action };
  }

  #conduct(): Conduct {
    const all = [this.#o.settings.delivery, ...this.#o.store.offers.map(({ delivery }) => delivery)];
    const first = <N extends keyof Conduct>(name: N): Pick<Conduct, N> => {
      const value = all.find((each) => each[name] !== undefined)?.[name];
      return (value === undefined ? {} : { [name]: value }) as Pick<Conduct, N>;
    };
    return { ...first('on_missing'), ...first('on_update'), ...first('wait_timeout_seconds') };
  }
}
