/**
 * The authorities of an unsealed installation: kept in the store, followed by every replica, rotated by one step at a time.
 * It must never issue after the seal, nor step from a state that another replica has already left.
 * @module
 */
import { signBundle, type SigningKey, type VerifyingKey } from '@letterlock/crypto';
import { encodeBase64url, ProblemError, workloadLifetimes } from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { commitChange } from '../audit/commit-change.ts';
import type { AuditAct, AuditFacts } from '../audit/record.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { Store } from '../store/store.ts';
import { authoritiesPath, decodeAuthorities, encodeAuthorities, type AuthorityState } from './authority-record.ts';
import { createAuthority, type TrustedAuthority } from './authority.ts';
import { issueServerCertificate, issueSvid, type IssuedCertificate } from './issue.ts';
import { parseSvid, type Svid } from './parse-svid.ts';
import type { ProvenWorkload } from './proven-workload.ts';
import { afterStep, defaultRotationTimes, dueStep, firstState, trustedOf } from './rotation.ts';
import type { RotationStep, RotationTimes } from './rotation.ts';

export interface WorkloadAuthoritiesOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly trustDomain: string;
  readonly instanceKey: SigningKey;
  /** Default those of the protocol. */
  readonly times?: RotationTimes;
}

interface Held {
  readonly state: AuthorityState;
  /** Of the record, for the next step's compare. */
  readonly revision: number;
}

/** Another replica may create or step in the same moment. */
const attempts = 3;

export class WorkloadAuthorities implements Disposable {
  readonly #o: WorkloadAuthoritiesOptions;
  readonly #times: RotationTimes;
  #held: Held | undefined;
  #bundle: { readonly seq: number; readonly signedAt: number; readonly jws: string } | undefined;

  private constructor(options: WorkloadAuthoritiesOptions) {
    this.#o = options;
    this.#times = options.times ?? defaultRotationTimes;
  }

  /** Reads the authorities, or makes the first one. @throws 'unavailable', 'sealed', 'internal' */
  static async open(options: WorkloadAuthoritiesOptions): Promise<WorkloadAuthorities> {
    const authorities = new WorkloadAuthorities(options);
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      await authorities.refresh();
      if (authorities.#held !== undefined) return authorities;
      const first = firstState(await authorities.#create());
      await authorities.#store(first, 0, 'authority.create');
    }
    throw new ProblemError('unavailable', { reason: 'authorities_contended' });
  }

  /** Those that are trusted now. @throws 'sealed' after disposal */
  get trusted(): readonly TrustedAuthority[] {
    return trustedOf(this.#state);
  }

  /** Number of the bundle. */
  get seq(): number {
    return this.#state.seq;
  }

  /** A certificate for a pod, in the name that was proven. @throws 'bad_key', 'unavailable', 'sealed' */
  issue(workload: ProvenWorkload, key: VerifyingKey): Promise<IssuedCertificate> {
    if (workload.identity.td !== this.#o.trustDomain) throw new TypeError('Cannot issue: another trust domain');
    return issueSvid({ ...this.#issuing(key), workload });
  }

  /** A certificate for the service's own listeners; to be had anew at half its life and after each change of `seq`. */
  issueServer(hosts: readonly string[], key: VerifyingKey): Promise<IssuedCertificate> {
    return issueServerCertificate({ ...this.#issuing(key), hosts });
  }

  /** Who a TLS peer is. @throws 'bad_proof' with a reason of SvidViolation */
  parse(der: Uint8Array): Svid {
    const { trustDomain, clock } = this.#o;
    return parseSvid(der, { trustDomain, authorities: this.trusted, nowSeconds: clock.nowSeconds() });
  }

  /** `letterlock-bundle+jws`; signed anew for each number, and at half its life. */
  bundle(): string {
    const state = this.#state;
    const iat = this.#o.clock.nowSeconds();
    const isFresh = this.#bundle?.seq === state.seq && iat - this.#bundle.signedAt < workloadLifetimes.bundle / 2;
    if (this.#bundle === undefined || !isFresh) {
      const jws = signBundle(this.#o.instanceKey, {
        certs: trustedOf(state).map(({ der }) => encodeBase64url(der)),
        exp: iat + workloadLifetimes.bundle,
        iat,
        past: state.past.map(({ der }) => encodeBase64url(der)),
        seq: state.seq,
      });
      this.#bundle = { seq: state.seq, signedAt: iat, jws };
    }
    return this.#bundle.jws;
  }

  /** Follows what other replicas did; to be called at least every ten minutes. @throws 'unavailable', 'sealed', 'internal' */
  async refresh(): Promise<void> {
    const { store, barrier, trustDomain } = this.#o;
    const [entry] = (await store.range({ key: barrier.keyOf(authoritiesPath) })).entries;
    if (entry === undefined) {
      if (this.#held !== undefined) throw new ProblemError('internal', { reason: 'authorities_missing' });
      return;
    }
    if (entry.modRevision === this.#held?.revision) return;
    const plaintext = barrier.open(authoritiesPath, entry.value);
    try {
      const state = decodeAuthorities(plaintext, trustDomain);
      // A record that was put back would bring back authorities that are no longer trusted.
      if (this.#held !== undefined && state.seq < this.#held.state.seq) {
        throw new ProblemError('internal', { reason: 'authorities_older' });
      }
      this.#held = { state, revision: entry.modRevision };
    } finally {
      plaintext.fill(0);
    }
  }

  /**
   * Refreshes, then takes the step that is due, if any. To be called every minute; by whom does not matter.
   * @param options - `isRequested`: begin a rotation now, after a rekey. @returns the step that this call took.
   */
  async advance(
    options: { readonly isRequested: boolean } = { isRequested: false },
  ): Promise<RotationStep | undefined> {
    await this.refresh();
    const { state, revision } = this.#required;
    const nowSeconds = this.#o.clock.nowSeconds();
    const step = dueStep(state, nowSeconds, this.#times, options);
    if (step === undefined) return undefined;
    const fresh = step === 'publish' ? await this.#create() : undefined;
    const isTaken = await this.#store(
      afterStep(state, step, nowSeconds, fresh) as AuthorityState,
      revision,
      `authority.${step}`,
    );
    await this.refresh();
    return isTaken ? step : undefined;
  }

  /** Forgets the keys: after this nothing is issued. */
  [Symbol.dispose](): void {
    this.#held = undefined;
    this.#bundle = undefined;
  }

  get #required(): Held {
    if (this.#held === undefined) throw new ProblemError('sealed', { reason: 'sealed' });
    return this.#held;
  }

  get #state(): AuthorityState {
    return this.#required.state;
  }

  #issuing(key: VerifyingKey) {
    const authority = this.#state.signing;
    return { authority, key, nowSeconds: this.#o.clock.nowSeconds(), lifetimeSeconds: this.#times.leaf };
  }

  #create() {
    const { trustDomain, clock } = this.#o;
    return createAuthority({ trustDomain, nowSeconds: clock.nowSeconds(), lifetimeSeconds: this.#times.lifetime });
  }

  async #store(state: AuthorityState, revision: number, act: AuditAct): Promise<boolean> {
    const { store, barrier, audit } = this.#o;
    const key = barrier.keyOf(authoritiesPath);
    using plaintext = encodeAuthorities(state);
    const { isApplied } = await commitChange(store, audit, factsOf(act), {
      compare: [{ key, field: 'mod', is: '=', revision }],
      then: [{ do: 'put', key, value: barrier.seal(authoritiesPath, plaintext.expose()) }],
    });
    return isApplied;
  }
}

function factsOf(act: AuditAct): AuditFacts {
  return {
    act,
    who: 'service',
    factor: 'service',
    listener: 'none',
    cb: 'none',
    obj: authoritiesPath,
    outcome: 'ok',
    reason: 'ok',
    req: 'authority',
  };
}
