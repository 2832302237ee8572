/**
 * The client: every call of the service for one identity and one pinned server.
 * It must never hold a rule of its own: each call stands in the file of its subject.
 * @module
 */
import type { Keyset, VerifyingKey } from '@letterlock/crypto';
import type {
  EnrolResponse,
  Envelope,
  Evidence,
  ExplainRequest,
  ExplainResponse,
  Grant,
  OperationArguments,
  RegisterResponse,
  ServiceState,
  TokenWriterResponse,
} from '@letterlock/protocol';
import { randomInt } from 'node:crypto';
import { endpointsOf, type ServiceAddress } from './address.ts';
import {
  explain,
  listGrants,
  sealService,
  cosignOperation,
  signOperation,
  submitOperations,
  type OperationOutcome,
  type RunningOperation,
} from './administration.ts';
import {
  registerTokenWriter,
  writeBindingSecret,
  type WriteBindingSecretOptions,
  type WrittenBindingSecret,
} from './binding-secrets.ts';
import { Deadline, type CallOptions } from './deadline.ts';
import { IdentityBook, register } from './identities.ts';
import type { Identity, SequenceMemory } from './identity.ts';
import { acknowledge, openWrap, type OpenedWrap, type OpenOptions } from './open-wrap.ts';
import type { Receipt } from './receipts.ts';
import { resolveHost, type Resolve } from './replicas.ts';
import {
  SecretBook,
  type ListedSecret,
  type ListSecretsOptions,
  type ReadSecret,
  type ReadSecretOptions,
  type SecretVersion,
  type ShareSecretOptions,
  type VersionMemory,
  type WriteSecretOptions,
  type WrittenSecret,
} from './secrets.ts';
import { Session, type Warning } from './session.ts';
import { ServerTrust, type TrustPolicy } from './trust.ts';
import {
  checkShare,
  giveShare,
  initialise,
  unsealStatus,
  type GiveShareOptions,
  type InitialiseOptions,
  type ShareOutcome,
  type SharePin,
  type UnsealStatus,
} from './unseal.ts';
import { bindingKey, enrol, type BindingKey } from './workloads.ts';
import { revoke, status, storeEnvelope, wrap, type StoredWrap, type WrapOptions, type WrapStatus } from './wraps.ts';

export interface ClientOptions {
  /**
   * `https://host[:port]`, one of the server's public origins; or one for each replica; or `{ origin, addresses }`: replicas
   * with one origin, dialled at these. The client stays with one replica until it fails, and each connection is pinned.
   */
  readonly address: ServiceAddress;
  readonly trust: TrustPolicy;
  /** Whose key signs. Only `state` works without. */
  readonly identity?: Identity | undefined;
  /** The local clock, seconds. Default the system's. */
  readonly now?: (() => number) | undefined;
  /** Told what a person should see. Default: nobody. */
  readonly onWarning?: ((warning: Warning) => void) | undefined;
  /** Where the highest `seq` of each identity is kept. Default memory. */
  readonly sequences?: SequenceMemory | undefined;
  /** Where the highest version of each secret is kept, so that no older one passes for the latest. Default memory. */
  readonly versions?: VersionMemory | undefined;
  /** Default 4. */
  readonly maximumConnections?: number | undefined;
  /** Attempts of a request that may be repeated, at each replica. Default 3. */
  readonly attempts?: number | undefined;
  /** Which of so many replicas that are equally good to begin with, from 0. Default by chance, so that clients spread. */
  readonly pick?: ((count: number) => number) | undefined;
  /** Addresses of a host name. Default: the system's. */
  readonly resolve?: Resolve | undefined;
  /** Limit of one attempt, milliseconds. Default 10 000: then another connection is tried. */
  readonly attemptTimeoutMilliseconds?: number | undefined;
  /** Pause once every replica has failed, milliseconds; it doubles, plus chance. Default 100. */
  readonly retryDelayMilliseconds?: number | undefined;
}

/** The state of the service. Without `isVerified` it is only a stranger's word. */
export interface State {
  readonly state: ServiceState;
  readonly trustDomain: string;
  readonly isVerified: boolean;
  /** Thumbprint of the instance key; absent while uninitialised. */
  readonly fingerprint: string | undefined;
  /** Id of the installation; only when verified. */
  readonly instance: string | undefined;
  readonly instanceKey: VerifyingKey | undefined;
}

/**
 * One identity at one service. Every call takes `signal` and `timeoutMilliseconds` and throws LetterlockError (the service
 * refused), ConnectionError, TrustError, IntegrityError, or the signal's reason.
 */
export class LetterlockClient implements Disposable {
  readonly #session: Session;
  readonly #book: IdentityBook;
  readonly #secrets: SecretBook;

  constructor(options: ClientOptions) {
    const endpoints = endpointsOf(options.address);
    this.#session = new Session({
      endpoints,
      resolve: options.resolve ?? resolveHost,
      pick: options.pick ?? ((count) => randomInt(count)),
      trust: new ServerTrust(options.trust, endpoints[0].address.origin),
      identity: options.identity,
      now: options.now ?? (() => Math.floor(Date.now() / 1000)),
      monotonic: () => performance.now(),
      onWarning: options.onWarning ?? (() => undefined),
      maximumConnections: positive('maximumConnections', options.maximumConnections ?? 4),
      attempts: positive('attempts', options.attempts ?? 3),
      attemptTimeoutMilliseconds: positive('attemptTimeoutMilliseconds', options.attemptTimeoutMilliseconds ?? 10_000),
      retryDelayMilliseconds: options.retryDelayMilliseconds ?? 100,
    });
    this.#book = new IdentityBook(this.#session, options.sequences);
    this.#secrets = new SecretBook(this.#session, this.#book, options.versions);
  }

  /** The first origin; proofs name that of the replica that they go to. */
  get address(): string {
    return this.#session.origin;
  }

  /** Reads the state and pins the server at the first contact. @throws TrustError */
  async state(options?: CallOptions): Promise<State> {
    const { state, trustDomain, instanceKey, server } = await this.#session.state(new Deadline(options));
    return {
      state,
      trustDomain,
      isVerified: server !== undefined,
      fingerprint: instanceKey?.thumbprint,
      instance: server?.instance,
      instanceKey,
    };
  }

  /** Registers the client's keyset (or the given one of the same key). @throws 'denied' without evidence for a new id, 'conflict' */
  async register(
    options: CallOptions & { readonly keyset?: string | undefined; readonly evidence?: Evidence | undefined } = {},
  ): Promise<RegisterResponse> {
    const keyset = options.keyset ?? this.#session.requireIdentity().keyset;
    if (keyset === undefined) throw new TypeError('Cannot register: the identity has no keyset');
    return register(this.#session, { keyset, evidence: options.evidence }, new Deadline(options));
  }

  /** The verified keyset of an id, never one older than already seen. @throws 'not_found', IntegrityError */
  async identity(id: string, options?: CallOptions): Promise<Keyset> {
    return this.#book.fetch(id, new Deadline(options));
  }

  /** Verifies a keyset that came by another way, with the same memory of `seq`. @throws IntegrityError */
  verifyKeyset(jws: string, id: string): Keyset {
    return this.#book.verify(jws, id);
  }

  /** Seals content for one reader and stores it. @throws 'denied', 'unknown_recipient', 'rate', RangeError */
  async wrap(options: WrapOptions): Promise<StoredWrap & { readonly envelopeHash: string }> {
    return wrap(this.#session, this.#book, options, new Deadline(options));
  }

  /** Stores an envelope that was sealed before; the same again is answered the same. @throws 'conflict', 'bad_envelope' */
  async storeEnvelope(envelope: Envelope, options?: CallOptions): Promise<StoredWrap> {
    return storeEnvelope(this.#session, envelope, new Deadline(options));
  }

  /** Opens a wrap once. Nothing is acknowledged before `acknowledge()`. @throws 'not_found', 'already_claimed', 'gone', IntegrityError */
  async open(id: string, options: OpenOptions = {}): Promise<OpenedWrap> {
    return openWrap(this.#session, id, options);
  }

  /** Acknowledges a claim, also one of an earlier process. @throws 'gone', 'already_claimed', 'conflict' */
  async acknowledge(id: string, claimId: string, options?: CallOptions): Promise<Receipt> {
    return acknowledge(this.#session, id, claimId, new Deadline(options));
  }

  /** The signed state of a wrap, for its writer and recipient. @param options - `reader`: the recipient's keyset, to verify its requests */
  async status(id: string, options: CallOptions & { readonly reader?: Keyset | undefined } = {}): Promise<WrapStatus> {
    return status(this.#session, id, options.reader, new Deadline(options));
  }

  /** Takes a wrap back before it is opened. @throws 'already_claimed', 'gone', 'not_found' */
  async revoke(id: string, options?: CallOptions): Promise<Receipt> {
    return revoke(this.#session, id, new Deadline(options));
  }

  /** Seals a new version of a secret for its readers and stores it. @throws 'conflict' if `ver` is not higher than the latest, 'denied', 'unknown_recipient', RangeError */
  async writeSecret(options: WriteSecretOptions): Promise<WrittenSecret> {
    return this.#secrets.write(options, new Deadline(options));
  }

  /** Reads one version of a secret, the latest by default, never one below the highest that was seen. @throws 'not_found', 'gone', IntegrityError */
  async readSecret(path: string, options: ReadSecretOptions = {}): Promise<ReadSecret> {
    return this.#secrets.read(path, options, new Deadline(options));
  }

  /** Secrets and folders directly below a path, or at the top, sorted by name. @throws 'denied' */
  async listSecrets(options: ListSecretsOptions = {}): Promise<readonly ListedSecret[]> {
    return this.#secrets.list(options, new Deadline(options));
  }

  /** All versions of a secret and what has become of them, the newest first. @throws 'denied', 'not_found' */
  async secretVersions(path: string, options?: CallOptions): Promise<readonly SecretVersion[]> {
    return this.#secrets.versions(path, new Deadline(options));
  }

  /** Destroys one version for ever. @throws 'denied', 'not_found' */
  async destroySecret(path: string, ver: number, options?: CallOptions): Promise<Receipt> {
    return this.#secrets.destroy(path, ver, new Deadline(options));
  }

  /** Reads the latest version and writes it again, as the next, for its readers and further ones. @throws 'conflict' if somebody wrote in between, and as read and write */
  async shareSecret(path: string, options: ShareSecretOptions): Promise<WrittenSecret> {
    return this.#secrets.share(path, options, new Deadline(options));
  }

  /** Has a certificate for the pod of a token, as its agent; the same key may ask again. @param token - of audience `letterlock-enrol:<td>`. @throws 'denied', 'unavailable' while the kubelet has not reported */
  async enrol(token: string, options?: CallOptions): Promise<EnrolResponse> {
    return enrol(this.#session, token, new Deadline(options));
  }

  /** What to encrypt a binding's secret to, and for whom, signed by the pinned instance key. @throws 'not_found', IntegrityError */
  async bindingKey(
    binding: { readonly namespace: string; readonly binding: string },
    options?: CallOptions,
  ): Promise<BindingKey> {
    return bindingKey(this.#session, binding, new Deadline(options));
  }

  /** Encrypts the next version of a binding's secret to the binding's key and stores it. @throws 'denied' if the binding does not list the identity, 'not_found', 'conflict', RangeError */
  async writeBindingSecret(options: WriteBindingSecretOptions): Promise<WrittenBindingSecret> {
    return writeBindingSecret(this.#session, options, new Deadline(options));
  }

  /** Makes this identity a writer of the pod of a token, for ten minutes: where a binding lists the pod's ServiceAccount with `factor: Token`. @param token - of audience `letterlock-write:<td>`. @throws 'denied' */
  async registerTokenWriter(token: string, options?: CallOptions): Promise<TokenWriterResponse> {
    return registerTokenWriter(this.#session, token, new Deadline(options));
  }

  /** All grants, for admins. @throws 'denied' */
  async grants(options?: CallOptions): Promise<readonly Grant[]> {
    return listGrants(this.#session, new Deadline(options));
  }

  /** Whether and why somebody may do something, for admins. @throws 'denied' */
  async explain(request: ExplainRequest, options?: CallOptions): Promise<ExplainResponse> {
    return explain(this.#session, request, new Deadline(options));
  }

  /** Signs an operation as admin, for this instance, without sending it. */
  async signOperation<N extends RunningOperation>(
    name: N,
    args: OperationArguments<N>,
    options: CallOptions & { readonly expiresInSeconds?: number | undefined } = {},
  ): Promise<string> {
    return signOperation(this.#session, name, args, options.expiresInSeconds, new Deadline(options));
  }

  /** Adds the signature of a further admin to what another one has signed, if it says what is expected. @throws RangeError */
  async cosignOperation<N extends RunningOperation>(
    name: N,
    args: OperationArguments<N>,
    signed: string,
    options?: CallOptions,
  ): Promise<string> {
    return cosignOperation(this.#session, name, args, signed, new Deadline(options));
  }

  /** Sends operations that admins signed. @throws 'denied', 'conflict' */
  async submitOperations(signed: readonly string[], options?: CallOptions): Promise<OperationOutcome> {
    return submitOperations(this.#session, signed, new Deadline(options));
  }

  /** Signs an operation as admin and sends it. @throws 'denied', 'conflict' */
  async operate<N extends RunningOperation>(
    name: N,
    args: OperationArguments<N>,
    options?: CallOptions,
  ): Promise<OperationOutcome> {
    const deadline = new Deadline(options);
    const signed = await signOperation(this.#session, name, args, undefined, deadline);
    return submitOperations(this.#session, [signed], deadline);
  }

  /** Seals the service, as admin. */
  async seal(options?: CallOptions): Promise<{ readonly epoch: number }> {
    return sealService(this.#session, new Deadline(options));
  }

  /** Progress of an unsealing and the own share, for admins; a transcript in it is verified. */
  async unsealStatus(options?: CallOptions): Promise<UnsealStatus> {
    return unsealStatus(this.#session, new Deadline(options));
  }

  /** Gives the own share to the attested boot. @throws TrustError, IntegrityError, 'conflict' */
  async giveShare(options: GiveShareOptions): Promise<ShareOutcome> {
    return giveShare(this.#session, options);
  }

  /** Opens the own share, proves it to the service and returns the pin to keep. @throws IntegrityError */
  async checkShare(options: CallOptions & { readonly pin?: SharePin | undefined } = {}): Promise<SharePin> {
    return checkShare(this.#session, options.pin, new Deadline(options));
  }

  /** Initialises a service that waits for it, as one of its admins. @throws 'denied', 'conflict' */
  async initialise(options: InitialiseOptions): Promise<void> {
    return initialise(this.#session, options);
  }

  /** Ends all connections. */
  close(): void {
    this.#session.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function positive(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`Cannot use ${name}: expected a positive integer`);
}
