/**
 * The pod's membership: its certificate, had by enrolment, renewed with the same key, had anew after a long absence.
 * It must never make a second key in one container start, nor go on with trust that the ConfigMap no longer gives.
 * @module
 */
import { randomInt } from 'node:crypto';
import type { Identity } from '@letterlock/client';
import { certificatePem, readCertificate } from '@letterlock/crypto';
import { canonicalize, decodeBase64url, isProblemError, ProblemError } from '@letterlock/protocol';
import { Backoff, pause } from './backoff.ts';
import { errorFacts, type Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { RpcClient } from './rpc-client.ts';
import type { Trust, TrustFolder } from './trust-folder.ts';
import type { Waiting } from './waiting.ts';

/** Certificates as the service gives them: base64url DER, leaf first. */
export type Chain = readonly string[];

/** How certificates are had. */
export interface Issuer {
  /** By token, on the direct listener. @throws ProblemError, ConnectionError, TrustError */
  enrol(trust: Trust, token: string, signal: AbortSignal): Promise<Chain>;
}

/** A connection to the service as this pod. */
export interface Link {
  readonly rpc: RpcClient;
  readonly trust: Trust;
}

export interface MembershipOptions {
  readonly identity: Identity;
  readonly issuer: Issuer;
  readonly trustFolder: Pick<TrustFolder, 'read'>;
  /** Reads the enrolment token anew: the kubelet rotates it. @throws ProblemError 'unavailable' */
  readonly readToken: () => string;
  readonly connect: (o: { readonly trust: Trust; readonly certificates: readonly string[] }) => RpcClient;
  readonly readRenewal: (body: Uint8Array) => Chain;
  readonly nowSeconds: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly waiting: Waiting;
  /** How often the mounted trust is looked at. Default 10 000: the kubelet takes longer to bring a new one. */
  readonly trustMilliseconds?: number;
}

const backoffLimits = { firstMilliseconds: 250, mostMilliseconds: 15_000 };
const trustMilliseconds = 10_000;
/** Refused for good as far as this start knows: asked again all the same, seldom, since a person may mend it. */
const refusedPauseMilliseconds = 30_000;
const refusals: ReadonlySet<string> = new Set(['denied', 'bad_proof', 'bad_request', 'bad_key', 'bad_encoding']);
const milliseconds = 1000;

interface Held {
  readonly certificates: readonly string[];
  readonly renewAtSeconds: number;
  readonly endsAtSeconds: number;
}

export class Membership {
  readonly #o: MembershipOptions;
  #held: Held | undefined;
  #link: Link | undefined;
  /** The one before: a write that has begun goes on with it. */
  #retired: RpcClient | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(options: MembershipOptions) {
    this.#o = options;
  }

  /** The present connection; none once its certificate has ended: proofs with it count as failed, and too many lock the pod out. */
  get link(): Link | undefined {
    return this.#isValid ? this.#link : undefined;
  }

  /** Seconds; undefined before the first certificate. */
  get certificateEndsAt(): number | undefined {
    return this.#held?.endsAtSeconds;
  }

  /** Waits for a connection other than `last`. @throws the abort's reason */
  async linked(last: Link | undefined, signal: AbortSignal): Promise<Link> {
    for (;;) {
      signal.throwIfAborted();
      const { link } = this;
      if (link !== undefined && link !== last) return link;
      const { promise } = this.#changed;
      const aborted = Promise.withResolvers<void>();
      const onAbort = (): void => aborted.resolve();
      signal.addEventListener('abort', onAbort, { once: true });
      await Promise.race([promise, aborted.promise]);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Until the abort. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(backoffLimits);
    while (!signal.aborted) {
      let wait: number;
      try {
        wait = await this.#step(signal);
        backoff.succeeded();
      } catch (error) {
        wait = this.#failed(error, backoff);
      }
      await pause(wait, signal);
    }
    this.#replaceLink(undefined);
    this.#retired?.close();
  }

  get #isValid(): boolean {
    return this.#held !== undefined && this.#o.nowSeconds() < this.#held.endsAtSeconds;
  }

  /** Does what is due. @returns milliseconds until there may be something to do again */
  async #step(signal: AbortSignal): Promise<number> {
    const { trustFolder, nowSeconds } = this.#o;
    const trust = trustFolder.read();
    const isSameInstance = this.#link?.trust.instanceKey.thumbprint === trust.instanceKey.thumbprint;
    if (!isSameInstance || !this.#isValid) await this.#enrol(trust, signal);
    else if (nowSeconds() >= this.#held!.renewAtSeconds) await this.#renew(trust, signal);
    else if (this.#link!.trust.seq !== trust.seq) this.#connect(trust);
    const untilRenewal = (this.#held!.renewAtSeconds - nowSeconds()) * milliseconds;
    return Math.max(50, Math.min(this.#o.trustMilliseconds ?? trustMilliseconds, untilRenewal));
  }

  async #enrol(trust: Trust, signal: AbortSignal): Promise<void> {
    const { issuer, readToken, log, metrics } = this.#o;
    const chain = await issuer.enrol(trust, readToken(), signal);
    this.#hold(chain);
    this.#connect(trust);
    metrics.count('enrolments');
    log.info('Enrolled', { ends: this.#held!.endsAtSeconds });
  }

  /** While it fails the certificate goes on to be used; once it has ended, the agent enrols again. */
  async #renew(trust: Trust, signal: AbortSignal): Promise<void> {
    const { readToken, readRenewal, log, metrics } = this.#o;
    const { body } = await this.#link!.rpc.call('Renew', () => canonicalize({ token: readToken() }), { signal });
    this.#hold(readRenewal(body));
    this.#connect(trust);
    metrics.count('renewals');
    log.info('Renewed the certificate', { ends: this.#held!.endsAtSeconds });
  }

  /** @throws 'bad_proof' for a certificate of another key */
  #hold(chain: Chain): void {
    const { identity, nowSeconds } = this.#o;
    const certificates = chain.map((der) => certificatePem(decodeBase64url(der)));
    const [leaf] = certificates;
    if (leaf === undefined) throw new ProblemError('bad_encoding', { reason: 'chain_empty' });
    const { key, certificate } = readCertificate(leaf);
    if (key.thumbprint !== identity.id) throw new ProblemError('bad_proof', { reason: 'chain_other_key' });
    const endsAtSeconds = Math.floor(Date.parse(certificate.validTo) / milliseconds);
    this.#held = { certificates, endsAtSeconds, renewAtSeconds: renewalTime(nowSeconds(), endsAtSeconds) };
  }

  #connect(trust: Trust): void {
    const { connect, waiting } = this.#o;
    this.#replaceLink({ trust, rpc: connect({ trust, certificates: this.#held!.certificates }) });
    waiting.over('membership');
  }

  #replaceLink(link: Link | undefined): void {
    const before = this.#link;
    this.#link = link;
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
    this.#retired?.close();
    this.#retired = before?.rpc;
    this.#retired?.retire();
  }

  #failed(error: unknown, backoff: Backoff): number {
    const { waiting, metrics, log } = this.#o;
    metrics.count('failures');
    const wait = backoff.failed();
    if (this.#isValid) log.warn('Could not renew the certificate', errorFacts(error));
    else waiting.because('membership', error);
    const isRefused = isProblemError(error) && refusals.has(error.code);
    return isRefused && backoff.failures > 3 ? Math.max(wait, refusedPauseMilliseconds / 2 + randomInt(15_000)) : wait;
  }
}

/** At half of what is left, a tenth of it earlier or later by chance. @source protocol.md §8.4 */
function renewalTime(nowSeconds: number, endsAtSeconds: number): number {
  const left = Math.max(0, endsAtSeconds - nowSeconds);
  return nowSeconds + Math.floor((left * (400 + randomInt(201))) / milliseconds);
}
