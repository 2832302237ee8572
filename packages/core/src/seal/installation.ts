/**
 * The seal state machine of one process: uninitialised, sealed, unsealed. It owns the only opened keyring.
 * It must never keep the master key after the call that completed it, a share after its time, nor any key after a seal.
 * @module
 */
import { equalConstantTime, importVerifyingKey, type SecretBytes } from '@letterlock/crypto';
import {
  isProblemError,
  ProblemError,
  type PeerUnsealMode,
  type PeerUnsealRequest,
  type PeerUnsealResponse,
  type ProgressResponse,
  type SealResponse,
  type ServiceState,
  type TranscriptResponse,
  type UnsealStatusResponse,
} from '@letterlock/protocol';
import { AuditTrail } from '../audit/audit-trail.ts';
import { checkpointPaths } from '../audit/checkpoints.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Permitted } from '../policy/permitted.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { CallOptions, Entry, Operation, Store } from '../store/store.ts';
import { AcknowledgementGate } from './acknowledgement-gate.ts';
import { acknowledgeShare, type AcknowledgementProgress } from './acknowledge-share.ts';
import { checkInitConfiguration, type Admin, type InitConfiguration } from './admin-certificate.ts';
import { askPeerForKek, type AskPeer } from './ask-peer.ts';
import type { BootAttestor } from './attestation.ts';
import { alreadyAppliedReason, type AppliedOperation } from './applied-operation.ts';
import { putBootImages } from './boot-images.ts';
import { replicaName, type BootKeys } from './boot-keys.ts';
import { bumpEpoch } from './bump-epoch.ts';
import { CeremonyTrail } from './ceremony-trail.ts';
import { claimOwnStart, type OwnStart } from './claim-own-start.ts';
import { CollectedShares, type CollectedShare } from './collected-shares.ts';
import { createInstallation } from './create-installation.ts';
import { readExpectedConfiguration, type ConfigurationExpectations } from './expected-configuration.ts';
import { EpochWatch } from './epoch-watch.ts';
import { grantPeer, type RefusedReplica } from './grant-peer.ts';
import { receiveInitOperation } from './init-operation.ts';
import { CurrentBarrier, KeyringBarrier } from './keyring-barrier.ts';
import { openedWith, ownCheckpoint, type Opened, type Unsealed } from './opened.ts';
import { sweepPeerGrants, type PeerGrantSweep } from './peer-grants.ts';
import { putPeerMode, storeSetting } from './peer-mode.ts';
import { recordUnseal } from './record-unseal.ts';
import type { SealConfiguration, StoredConfiguration } from './seal-configuration.ts';
import {
  factsOfAdmin,
  factsOfCaller,
  factsOfEpoch,
  factsOfPeerUnseal,
  factsOfStart,
  type ReceivedFacts,
} from './seal-facts.ts';
import {
  alreadyInitialised,
  alreadyUnsealed,
  configurationChanged,
  notLoaded,
  sealedProblem,
} from './seal-problems.ts';
import { readSystemRecords, requireEmptyStore, storeInstallation } from './store-installation.ts';
import { checkSchema } from './system-records.ts';
import { takeShare } from './take-share.ts';
import { openKeyringWithKek, openKeyringWithShares, type KeyringOutcome } from './unseal.ts';
import { unsealStatusFor } from './unseal-status.ts';
import { receiveShare, type GivenShare, type NonceRedeemer } from './unseal-share.ts';

export interface InstallationOptions extends InitConfiguration, ConfigurationExpectations {
  readonly admins: readonly Admin[];
  readonly store: Store;
  readonly clock: Clock;
  readonly boot: BootKeys;
  /** What counts at initialisation; later only a quorum changes it. */
  readonly peerUnseal: PeerUnsealMode;
  /** Digests of server images, as `peerUnseal`: they count at initialisation. Default none. */
  readonly bootImages?: readonly string[];
  /** Who says which processes are replicas. Default nobody: no replica gives or gets a key. */
  readonly attestor?: BootAttestor;
  /** The store ends with the process: what a lost share loses is lost at a restart anyway. */
  readonly isTransient: boolean;
  /** What else the transaction that stores a new installation must contain. Default nothing. */
  readonly firstRecords?: (barrier: Barrier) => readonly Operation[];
}

/** A share that counts while others are missing. */
export interface CountedShare extends ProgressResponse {
  /** Id of the admin. */
  readonly who: string;
}

export class Installation {
  /** Works while unsealed and throws 'sealed' otherwise; its numbers continue over seals. */
  readonly audit: AuditTrail;
  readonly #o: InstallationOptions;
  readonly #trailBarrier = new CurrentBarrier();
  readonly #unsealedListeners: ((unsealed: Unsealed) => void)[] = [];
  readonly #sealedListeners: (() => void)[] = [];
  readonly #countedListeners: ((share: CountedShare) => void)[] = [];
  readonly #replicaListeners: ((replica: RefusedReplica) => void)[] = [];
  readonly #collected = new CollectedShares();
  readonly #trail: CeremonyTrail;
  readonly #gate: AcknowledgementGate;
  readonly #epoch: EpochWatch;
  #isLoaded = false;
  #stored: StoredConfiguration | undefined;
  #opened: Opened | undefined;
  #isCreating = false;
  #isSealing = false;
  /** Counts seals, so that an unseal that began before one does not end after it. */
  #seals = 0;
  #alarm: string | undefined;

  /** @throws RangeError for a configuration that cannot initialise. */
  constructor(options: InstallationOptions) {
    checkInitConfiguration(options);
    const { boot, clock } = options;
    this.#o = options;
    this.#gate = new AcknowledgementGate(options);
    this.#epoch = new EpochWatch(options.store);
    this.audit = new AuditTrail({ replica: replicaName(boot), barrier: this.#trailBarrier, clock });
    this.#trail = new CeremonyTrail({ store: options.store, trail: this.audit });
  }

  /** Before the store was read the answer is `sealed`: nothing may be initialised on a guess. */
  get state(): ServiceState {
    if (this.#opened !== undefined) return 'unsealed';
    return this.#stored === undefined && this.#isLoaded ? 'uninitialised' : 'sealed';
  }

  get unsealed(): Unsealed | undefined {
    return this.#opened?.unsealed;
  }

  get configuration(): SealConfiguration | undefined {
    return this.#stored?.value;
  }

  /** Why the service could not be unsealed with a right share, or could not be if one came; for health, log and metrics. */
  get alarm(): string | undefined {
    return this.#alarm;
  }

  /** Those of the stored configuration; before initialisation those of the certificates. */
  admins(): ReadonlyMap<string, Admin> {
    return this.#stored?.admins ?? new Map(this.#o.admins.map((admin) => [admin.id, admin]));
  }

  /** Called when the keys are there, before the call that brought them returns. */
  onUnsealed(listener: (unsealed: Unsealed) => void): void {
    this.#unsealedListeners.push(listener);
  }

  /** Called after the keys are gone. */
  onSealed(listener: () => void): void {
    this.#sealedListeners.push(listener);
  }

  /** Called for every refusal of a known admin: for the log, which has it even where no audit record can be written. */
  onRefused(listener: (facts: AuditFacts) => void): void {
    this.#trail.onRefused(listener);
  }

  /** Called for every share that counts while others are missing: for the log. */
  onShareCounted(listener: (share: CountedShare) => void): void {
    this.#countedListeners.push(listener);
  }

  /** Called for every attested replica that is refused the KEK: somebody may have to act. */
  onReplicaRefused(listener: (replica: RefusedReplica) => void): void {
    this.#replicaListeners.push(listener);
  }

  /**
   * Reads the store: uninitialised only if nothing at all is there. May be repeated.
   * @throws 'unavailable'; 'internal' for a damaged, newer, foreign or half store: the process must not start
   */
  async load(): Promise<void> {
    if (this.#opened !== undefined) return;
    const { store, pinnedInstanceKey } = this.#o;
    const records = await readSystemRecords(store);
    if (records.seal === undefined) await requireEmptyStore(store, pinnedInstanceKey);
    else this.#adoptRecords(records, records.seal);
    this.#isLoaded = true;
  }

  /** Initialises without a ceremony, for a store that ends with the process. @throws 'conflict', 'unavailable' */
  async initialise(): Promise<void> {
    await this.#create(factsOfStart(), []);
  }

  /** Initialises by an admin's `letterlock-op+jws`. @throws 'bad_encoding', 'bad_proof', 'conflict', 'unavailable' */
  async initialiseByOperation(jws: string, received: ReceivedFacts): Promise<TranscriptResponse> {
    const { clock, boot, admins } = this.#o;
    const { admin, check } = receiveInitOperation(jws, admins);
    const facts = factsOfAdmin('init', admin.id, received);
    try {
      check({ configuration: this.#o, boot: boot.boot, nowSeconds: clock.nowSeconds() });
      const { transcript } = await this.#create(facts, [admin.id]);
      return { transcript: transcript! };
    } catch (error) {
      // For the log alone: the operation has no nonce of ours, so that replays could fill the trail.
      this.#trail.report(facts, error);
      throw error;
    }
  }

  /** What an admin needs to give its share. @throws 'denied' unless it holds one, 'uninitialised', 'unavailable' */
  unsealStatus(adminId: string): UnsealStatusResponse {
    const { boot, clock } = this.#o;
    this.forgetOldShares();
    return unsealStatusFor(adminId, {
      configuration: this.#requireStored().value,
      opened: this.#opened,
      givers: this.#collected.givers,
      boot,
      monotonicSeconds: clock.monotonicSeconds(),
    });
  }

  /** The last checkpoint of the audit trail, also while sealed; undefined if there is none by the instance key. @throws 'unavailable' */
  async lastCheckpoint(): Promise<string | undefined> {
    const [entry] = (await this.#o.store.range({ key: checkpointPaths.head })).entries;
    return ownCheckpoint(entry?.value, importVerifyingKey(this.#requireStored().value.sik));
  }

  /**
   * Takes an admin's share; the service unseals with the last one that is needed. A refused share leaves the others as they are.
   * @returns the transcript, or how many there are while some are missing. @throws 'bad_encoding', 'bad_proof', 'bad_nonce', 'bad_envelope', 'conflict', 'internal' (see `alarm`), 'unavailable'
   * @source protocol.md §10.4
   */
  async giveShare(
    jws: string,
    nonces: NonceRedeemer,
    received: ReceivedFacts,
  ): Promise<TranscriptResponse | ProgressResponse> {
    const stored = this.#requireStored();
    const given = receiveShare({ jws, admins: stored.admins, boot: this.#o.boot, nonces });
    const facts = factsOfAdmin('unseal.share', given.admin.id, received);
    try {
      return await this.#take(given, stored, facts);
    } catch (error) {
      if (isProblemError(error) && error.code === 'internal') {
        this.#alarm = error.reason;
        // Right shares that open nothing will not open it later: they must not lie about.
        this.forgetShares();
      }
      await this.#refuse(facts, error);
      throw error;
    }
  }

  /** What attests this process's boot keys; undefined where nobody does. @throws 'unavailable' */
  async attestation(): Promise<string | undefined> {
    return this.#o.attestor?.present(this.#o.boot.boot);
  }

  /**
   * Gives the KEK to an attested replica. @param tls - thumbprint of the key of its connection.
   * @throws 'sealed', 'denied', 'image_not_listed', 'bad_key', 'unavailable'. @source protocol.md §10.5
   */
  async grantPeer(request: PeerUnsealRequest, tls: string, received: ReceivedFacts): Promise<PeerUnsealResponse> {
    const { barrier, unsealed } = this.#requireOpened();
    const { store, clock, attestor } = this.#o;
    const epochRevision = this.#epoch.revision;
    if (attestor === undefined) throw new ProblemError('denied', { reason: 'peer_unseal_off' });
    if (this.#isSealing || epochRevision === undefined) throw sealedProblem();
    const configuration = this.#requireStored().value;
    const { audit: trail } = this;
    const { instanceKey } = unsealed;
    const kek = (): SecretBytes => {
      if (barrier.kek === undefined) throw sealedProblem();
      return barrier.kek;
    };
    const refused = (replica: RefusedReplica): void => {
      for (const listener of this.#replicaListeners) listener(replica);
    };
    const context = { store, barrier, trail, clock, attestor, configuration, instanceKey, kek, epochRevision, refused };
    return grantPeer(context, request, tls, received);
  }

  /** Forgets which starts were granted before the last seal on purpose, one page. @throws 'sealed', 'unavailable' */
  async sweepPeerGrants(page: { readonly limit: number; readonly after?: string }): Promise<PeerGrantSweep> {
    const { barrier } = this.#requireOpened();
    const epochRevision = this.#epoch.revision;
    if (epochRevision === undefined) throw sealedProblem();
    return sweepPeerGrants({ store: this.#o.store, barrier, epochRevision }, page);
  }

  /**
   * Unseals with the KEK of another replica; nothing happens unless sealed.
   * @throws 'unavailable', 'sealed' of the peer, 'denied', 'image_not_listed', 'bad_proof', 'conflict', 'internal' (see `alarm`)
   */
  async unsealByPeer(ask: AskPeer): Promise<void> {
    const { attestor, store, boot } = this.#o;
    const stored = this.#requireStored();
    if (this.#opened !== undefined || attestor === undefined) return;
    const seals = this.#seals;
    // Before the question: a seal between it and the unseal counts more than both.
    const { epoch } = await readSystemRecords(store);
    using kek = await askPeerForKek({ ask, attestor, boot, configuration: stored.value });
    try {
      const outcome = await openKeyringWithKek({ kek, stored, store, keepsKek: true });
      const epochRevision = epoch?.modRevision ?? 0;
      const asked = 'changed' in outcome ? outcome : { ...outcome, epochRevision };
      await this.#open(asked, [factsOfPeerUnseal()], [], seals);
    } catch (error) {
      if (isProblemError(error) && error.code === 'internal') this.#alarm = error.reason;
      throw error;
    }
  }

  /**
   * Keeps others from being unsealed in the name of this very process; to be called after each unseal until it answers.
   * @returns undefined where nothing attests. @throws 'sealed', 'denied' while nothing attests this process yet, 'unavailable'
   */
  async claimOwnStart(): Promise<OwnStart | undefined> {
    const { store, clock, attestor, boot } = this.#o;
    const { barrier } = this.#requireOpened();
    const epochRevision = this.#epoch.revision;
    if (attestor === undefined) return undefined;
    if (epochRevision === undefined) throw sealedProblem();
    return claimOwnStart({ store, barrier, attestor, boot: boot.boot, epochRevision, nowSeconds: clock.nowSeconds() });
  }

  /** Lets replicas unseal each other, or not. @throws 'sealed', 'conflict' for an operation applied before, 'unavailable' */
  async setPeerUnseal(
    permitted: Permitted<'peer_unseal.set'>,
    mode: PeerUnsealMode,
    operation: AppliedOperation,
  ): Promise<void> {
    const { barrier } = this.#requireOpened();
    const put = putPeerMode(barrier, mode, this.#o.clock.nowSeconds());
    await this.#storeSetting(barrier, put, factsOfCaller('peer_unseal.set', permitted), operation);
  }

  /** Names the images whose replicas may be unsealed by others. @throws 'sealed', 'conflict' for an operation applied before, 'unavailable' */
  async setBootImages(
    permitted: Permitted<'images.set'>,
    images: readonly string[],
    operation: AppliedOperation,
  ): Promise<void> {
    const { barrier } = this.#requireOpened();
    const put = putBootImages(barrier, images, this.#o.clock.nowSeconds());
    await this.#storeSetting(barrier, put, factsOfCaller('images.set', permitted), operation);
  }

  /** Fills with zeros the shares that waited a quarter of an hour; to be called every second. @source protocol.md §10.4 */
  forgetOldShares(): void {
    for (const { facts } of this.#collected.forgetExpired(this.#o.clock.monotonicSeconds())) {
      this.#trail.expire(facts);
    }
  }

  /** Fills all collected shares with zeros: at the end of the process. */
  forgetShares(): void {
    this.#collected[Symbol.dispose]();
  }

  /**
   * Seals if an admin has sealed the installation elsewhere, and cancels a ceremony that began before; waits sealed once
   * another replica has initialised it. To be called every second. @throws 'unavailable': nothing is known, nothing was done;
   * 'internal' for an installation that this process must not start with
   */
  async followEpoch(options?: CallOptions): Promise<void> {
    if (this.#stored === undefined) return this.#findInstallation(options);
    // Its own seal is told by nobody.
    if (this.#isSealing) return;
    if (!(await this.#epoch.hasMoved(options)) || this.#isSealing) return;
    if (this.#opened === undefined) {
      this.forgetShares();
      this.#epoch.remember(undefined);
    } else {
      this.#trail.held.add(factsOfEpoch());
      this.#drop();
    }
  }

  /** Ids of the admins that have acknowledged; undefined while sealed, and in a transient installation. @throws 'unavailable' */
  async acknowledgedAdmins(): Promise<readonly string[] | undefined> {
    if (this.#opened === undefined || this.#o.isTransient) return undefined;
    return this.#gate.acknowledged(this.#opened.barrier, this.#requireStored().value);
  }

  /** Data may be stored: always in a transient installation. @throws 'sealed', 'conflict' until every admin has acknowledged, 'unavailable' */
  async requireAcknowledgedShares(): Promise<void> {
    const { barrier } = this.#requireOpened();
    await this.#gate.require(barrier, this.#requireStored().value);
  }

  /**
   * Seals: the epoch is counted up with an audit record, and the keys go whether or not the store answered.
   * @throws 'sealed'; 'conflict' for an operation applied before; 'unavailable', 'internal': sealed, but not recorded yet
   */
  async seal(permitted: Permitted<'seal'>, operation: AppliedOperation): Promise<SealResponse> {
    const { barrier } = this.#requireOpened();
    if (this.#isSealing) throw sealedProblem();
    this.#isSealing = true;
    const { store, clock } = this.#o;
    const facts = factsOfCaller('seal', permitted);
    try {
      const nowSeconds = clock.nowSeconds();
      const epoch = await bumpEpoch({ store, barrier, trail: this.audit, facts, operation, nowSeconds });
      this.#drop();
      return { epoch };
    } catch (error) {
      if (isProblemError(error) && error.reason === alreadyAppliedReason) await this.#refuse(facts, error);
      else {
        this.#trail.held.add({ ...facts, reason: 'sealed_without_record' });
        this.#drop();
      }
      throw error;
    } finally {
      this.#isSealing = false;
    }
  }

  /** Records that an admin's share decrypts. @throws 'sealed', 'denied', 'bad_encoding', 'conflict', 'unavailable' */
  async acknowledgeShare(
    permitted: Permitted<'share.ack'>,
    ack: string,
    operation: AppliedOperation,
  ): Promise<AcknowledgementProgress> {
    const { barrier } = this.#requireOpened();
    const { store, clock } = this.#o;
    const configuration = this.#requireStored().value;
    const facts = factsOfCaller('share.ack', permitted);
    const nowSeconds = clock.nowSeconds();
    try {
      const { audit: trail } = this;
      return await acknowledgeShare({ store, barrier, trail, configuration, nowSeconds, facts, operation, ack });
    } catch (error) {
      await this.#refuse(facts, error);
      throw error;
    }
  }

  /** `letterlock-state+jws` for the key served on a connection. @param tls - its thumbprint. @throws 'sealed' */
  stateStatement(tls: string): string {
    return this.#requireOpened().statements.statementFor(tls);
  }

  async #storeSetting(barrier: Barrier, put: Operation, facts: AuditFacts, operation: AppliedOperation): Promise<void> {
    const { store, clock } = this.#o;
    try {
      const nowSeconds = clock.nowSeconds();
      await storeSetting({ store, barrier, trail: this.audit, facts, put, operation, nowSeconds });
    } catch (error) {
      await this.#refuse(facts, error);
      throw error;
    }
  }

  async #create(facts: AuditFacts, givers: readonly string[]): Promise<Opened> {
    const { clock, store, admins } = this.#o;
    if (!this.#isLoaded) throw notLoaded();
    if (this.state !== 'uninitialised' || this.#isCreating) throw alreadyInitialised();
    if (admins.length === 0) throw new RangeError('Cannot initialise: no init certificate is configured');
    this.#isCreating = true;
    try {
      const nowSeconds = clock.nowSeconds();
      const created = await createInstallation({ ...this.#o, nowSeconds, keepsKek: this.#keepsKek });
      using keys = new DisposableStack();
      const barrier = this.#useWhile(keys, new KeyringBarrier(created.keyring, created.kek));
      const { bootImages = [] } = this.#o;
      const firstRecords = [
        putPeerMode(barrier, this.#o.peerUnseal, nowSeconds),
        ...(bootImages.length === 0 ? [] : [putBootImages(barrier, bootImages, nowSeconds)]),
        ...(this.#o.firstRecords?.(barrier) ?? []),
      ];
      const { audit: trail } = this;
      const outcome = await storeInstallation({ store, trail, facts: [facts], created, barrier, firstRecords });
      if ('foreign' in outcome) {
        this.#adopt(outcome.foreign);
        throw alreadyInitialised();
      }
      keys.move();
      this.#adopt({ value: created.configurationBytes });
      this.#epoch.remember(outcome.stored);
      return this.#enter(barrier, givers, outcome.stored, undefined);
    } finally {
      this.#isCreating = false;
    }
  }

  async #take(
    given: GivenShare,
    stored: StoredConfiguration,
    facts: AuditFacts,
  ): Promise<TranscriptResponse | ProgressResponse> {
    const seals = this.#seals;
    const requireCurrent = (): void => {
      // Another share may have come first, and a seal since then counts more than a share that was given before it.
      if (this.#opened !== undefined || this.#seals !== seals) throw alreadyUnsealed();
      if (this.#stored !== stored) throw configurationChanged();
      this.forgetOldShares();
    };
    requireCurrent();
    const { boot, clock } = this.#o;
    const collected = this.#collected;
    const taken = await takeShare({
      given,
      facts,
      configuration: stored.value,
      boot,
      clock,
      collected,
      requireCurrent,
    });
    if ('have' in taken) {
      for (const listener of this.#countedListeners) listener({ who: given.admin.id, ...taken });
      return taken;
    }
    using complete = taken;
    const { transcript } = await this.#unseal(complete.shares, stored, seals);
    return { transcript: transcript! };
  }

  async #unseal(given: readonly CollectedShare[], stored: StoredConfiguration, seals: number): Promise<Opened> {
    const { store } = this.#o;
    const shares = given.map(({ share }) => share);
    const outcome = await openKeyringWithShares({ shares, stored, store, keepsKek: this.#keepsKek });
    const facts = given.map((each) => each.facts);
    const givers = given.map(({ adminId }) => adminId);
    return this.#open(outcome, [...facts, { ...facts.at(-1)!, act: 'unseal' }], givers, seals);
  }

  /** Records the unseal and takes the keys. @param facts - the unseal's own last. */
  async #open(
    outcome: KeyringOutcome,
    facts: readonly AuditFacts[],
    givers: readonly string[],
    seals: number,
  ): Promise<Opened> {
    if ('changed' in outcome) {
      this.#adopt(outcome.changed);
      throw configurationChanged();
    }
    using keys = new DisposableStack();
    const barrier = this.#useWhile(keys, new KeyringBarrier(outcome.keyring, outcome.kek));
    const { held } = this.#trail;
    const waiting = held.all;
    const { store } = this.#o;
    const recorded = { store, trail: this.audit, facts: [...waiting, ...facts], opened: outcome };
    const { isApplied, revision } = await recordUnseal(recorded);
    if (isApplied) held.remove(waiting);
    // Another share may have come first, and a seal since then counts more than an unseal that began before it.
    if (this.#opened !== undefined || this.#seals !== seals) throw alreadyUnsealed();
    if (!isApplied) throw new ProblemError('unavailable', { reason: 'unseal_not_recorded' });
    keys.move();
    this.#epoch.remember(outcome.epochRevision);
    return this.#enter(barrier, givers, revision, outcome.checkpoint);
  }

  /** Only who may give it to others. */
  get #keepsKek(): boolean {
    return this.#o.attestor !== undefined;
  }

  /** Lets the trail write under keys that are not yet this installation's; they go with the stack, unless it is moved. */
  #useWhile(keys: DisposableStack, barrier: KeyringBarrier): KeyringBarrier {
    keys.use(barrier);
    keys.defer(() => this.#trailBarrier.use(this.#opened?.barrier));
    this.#trailBarrier.use(barrier);
    return barrier;
  }

  #enter(barrier: KeyringBarrier, givers: readonly string[], revision: number, checkpoint: Entry | undefined): Opened {
    const { clock, boot } = this.#o;
    const configuration = this.#requireStored().value;
    const { audit } = this;
    const opened = openedWith({
      configuration,
      barrier,
      audit,
      boot: boot.boot,
      clock,
      givers,
      revision,
      checkpoint: checkpoint?.value,
    });
    this.#opened = opened;
    this.#trailBarrier.use(barrier);
    this.#alarm = undefined;
    this.forgetShares();
    for (const listener of this.#unsealedListeners) listener(opened.unsealed);
    return opened;
  }

  #drop(): void {
    this.#seals += 1;
    this.#epoch.remember(undefined);
    this.#trailBarrier.use(undefined);
    this.#opened?.barrier[Symbol.dispose]();
    this.#opened = undefined;
    for (const listener of this.#sealedListeners) listener();
  }

  async #findInstallation(options?: CallOptions): Promise<void> {
    const isBusy = (): boolean => !this.#isLoaded || this.#isCreating || this.#stored !== undefined;
    if (this.#o.isTransient || isBusy()) return;
    const records = await readSystemRecords(this.#o.store, options);
    // It may have been initialised right here meanwhile.
    if (records.seal !== undefined && !isBusy()) this.#adoptRecords(records, records.seal);
  }

  #adoptRecords({ schema, keyring, epoch }: Awaited<ReturnType<typeof readSystemRecords>>, seal: Entry): void {
    checkSchema(schema?.value);
    this.#adopt(seal);
    this.#alarm = keyring === undefined ? 'keyring_missing' : undefined;
    this.#epoch.remember(epoch?.modRevision ?? 0);
  }

  #adopt({ value }: Pick<Entry, 'value'>): void {
    if (this.#stored !== undefined && equalConstantTime(this.#stored.bytes, value)) return;
    // What was collected is of the configuration before.
    this.forgetShares();
    this.#stored = readExpectedConfiguration(value, this.#o);
  }

  #refuse(facts: AuditFacts, error: unknown): Promise<void> {
    return this.#trail.refuse(facts, error, this.#opened !== undefined);
  }

  #requireStored(): StoredConfiguration {
    if (this.#stored !== undefined) return this.#stored;
    throw this.#isLoaded ? new ProblemError('uninitialised', { reason: 'uninitialised' }) : notLoaded();
  }

  #requireOpened(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    this.#requireStored();
    throw sealedProblem();
  }
}
