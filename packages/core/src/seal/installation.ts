/**
 * The seal state machine of one process: uninitialised, sealed, unsealed. It owns the only opened keyring.
 * It must never keep a share or the master key after the call that brought it, nor any key after a seal.
 * @module
 */
import {
  isProblemError,
  ProblemError,
  type SealResponse,
  type ServiceState,
  type TranscriptResponse,
  type UnsealStatusResponse,
} from '@letterlock/protocol';
import { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Permitted } from '../policy/permitted.ts';
import type { Clock } from '../store/clock.ts';
import type { Entry, Store } from '../store/store.ts';
import { acknowledgeShare, type AcknowledgementProgress } from './acknowledge-share.ts';
import { checkInitConfiguration, type Admin, type InitConfiguration } from './admin-certificate.ts';
import { alreadyAppliedReason, type AppliedOperation } from './applied-operation.ts';
import { replicaName, type BootKeys } from './boot-keys.ts';
import { bumpEpoch } from './bump-epoch.ts';
import { commitAudited } from './commit-audited.ts';
import { createInstallation } from './create-installation.ts';
import { readExpectedConfiguration, type ConfigurationExpectations } from './expected-configuration.ts';
import { receiveInitOperation } from './init-operation.ts';
import { CurrentBarrier, KeyringBarrier } from './keyring-barrier.ts';
import { openedWith, type Opened, type Unsealed } from './opened.ts';
import type { SealConfiguration, StoredConfiguration } from './seal-configuration.ts';
import { factsOfAdmin, factsOfCaller, factsOfStart, HeldFacts, refusal, type ReceivedFacts } from './seal-facts.ts';
import { alreadyInitialised, alreadyUnsealed, conflict, notLoaded, sealedProblem } from './seal-problems.ts';
import { readSystemRecords, requireEmptyStore, storeInstallation } from './store-installation.ts';
import { checkSchema } from './system-records.ts';
import { openKeyringWithShare } from './unseal.ts';
import { unsealStatusFor } from './unseal-status.ts';
import { receiveShare, type GivenShare, type NonceRedeemer } from './unseal-share.ts';

export interface InstallationOptions extends InitConfiguration, ConfigurationExpectations {
  readonly admins: readonly Admin[];
  readonly store: Store;
  readonly clock: Clock;
  readonly boot: BootKeys;
}

export class Installation {
  /** Works while unsealed and throws 'sealed' otherwise; its numbers continue over seals. */
  readonly audit: AuditTrail;
  readonly #o: InstallationOptions;
  readonly #trailBarrier = new CurrentBarrier();
  readonly #held = new HeldFacts();
  readonly #unsealedListeners: ((unsealed: Unsealed) => void)[] = [];
  readonly #sealedListeners: (() => void)[] = [];
  readonly #refusedListeners: ((facts: AuditFacts) => void)[] = [];
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
    this.audit = new AuditTrail({ replica: replicaName(boot), barrier: this.#trailBarrier, clock });
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
    this.#refusedListeners.push(listener);
  }

  /**
   * Reads the store: uninitialised only if nothing at all is there. May be repeated.
   * @throws 'unavailable'; 'internal' for a damaged, newer, foreign or half store: the process must not start
   */
  async load(): Promise<void> {
    if (this.#opened !== undefined) return;
    const { store, pinnedInstanceKey } = this.#o;
    const { schema, seal, keyring } = await readSystemRecords(store);
    if (seal === undefined) await requireEmptyStore(store, pinnedInstanceKey);
    else {
      checkSchema(schema?.value);
      this.#adopt(seal);
      this.#alarm = keyring === undefined ? 'keyring_missing' : undefined;
    }
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
      this.#report(facts, error);
      throw error;
    }
  }

  /** What an admin needs to give its share. @throws 'denied' unless it holds one, 'uninitialised', 'unavailable' */
  unsealStatus(adminId: string): UnsealStatusResponse {
    const { boot, clock } = this.#o;
    return unsealStatusFor(adminId, {
      configuration: this.#requireStored().value,
      opened: this.#opened,
      boot,
      monotonicSeconds: clock.monotonicSeconds(),
    });
  }

  /**
   * Takes an admin's share; the service unseals with it, since any one suffices.
   * @throws 'bad_encoding', 'bad_proof', 'bad_nonce', 'bad_envelope', 'conflict', 'internal' (see `alarm`), 'unavailable'
   * @source protocol.md §10.4
   */
  async giveShare(jws: string, nonces: NonceRedeemer, received: ReceivedFacts): Promise<TranscriptResponse> {
    const stored = this.#requireStored();
    const given = receiveShare({ jws, admins: stored.admins, boot: this.#o.boot, nonces });
    const facts = factsOfAdmin('unseal.share', given.admin.id, received);
    try {
      const { transcript } = await this.#unseal(given, stored, facts);
      return { transcript: transcript! };
    } catch (error) {
      if (isProblemError(error) && error.code === 'internal') this.#alarm = error.reason;
      await this.#refuse(facts, error);
      throw error;
    }
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
        this.#held.add({ ...facts, reason: 'sealed_without_record' });
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

  async #create(facts: AuditFacts, givers: readonly string[]): Promise<Opened> {
    const { clock, store, admins } = this.#o;
    if (!this.#isLoaded) throw notLoaded();
    if (this.state !== 'uninitialised' || this.#isCreating) throw alreadyInitialised();
    if (admins.length === 0) throw new RangeError('Cannot initialise: no init certificate is configured');
    this.#isCreating = true;
    try {
      const created = await createInstallation({ ...this.#o, nowSeconds: clock.nowSeconds() });
      using keys = new DisposableStack();
      const barrier = this.#useWhile(keys, new KeyringBarrier(created.keyring));
      const outcome = await storeInstallation({ store, trail: this.audit, facts: [facts], created, barrier });
      if ('foreign' in outcome) {
        this.#adopt(outcome.foreign);
        throw alreadyInitialised();
      }
      keys.move();
      this.#adopt({ value: created.configurationBytes });
      return this.#enter(barrier, givers, outcome.stored);
    } finally {
      this.#isCreating = false;
    }
  }

  async #unseal(given: GivenShare, stored: StoredConfiguration, facts: AuditFacts): Promise<Opened> {
    const { store, boot } = this.#o;
    if (this.#opened !== undefined) throw alreadyUnsealed();
    const seals = this.#seals;
    const outcome = await openKeyringWithShare({ given, stored, boot, store });
    if ('changed' in outcome) {
      this.#adopt(outcome.changed);
      throw conflict('seal_configuration_changed', 'The seal configuration was replaced: ask for it again');
    }
    using keys = new DisposableStack();
    const barrier = this.#useWhile(keys, new KeyringBarrier(outcome.keyring));
    const held = this.#held.all;
    const { isApplied, revision } = await commitAudited(
      store,
      this.audit,
      [...held, facts, { ...facts, act: 'unseal' }],
      {
        compare: outcome.read.map(({ key, modRevision }) => ({ key, field: 'mod', is: '=', revision: modRevision })),
        then: [],
      },
    );
    if (!isApplied) throw new ProblemError('unavailable', { reason: 'unseal_not_recorded' });
    this.#held.remove(held);
    // Another share may have come first, and a seal since then counts more than an unseal that began before it.
    if (this.#opened !== undefined || this.#seals !== seals) throw alreadyUnsealed();
    keys.move();
    return this.#enter(barrier, [given.admin.id], revision);
  }

  /** Lets the trail write under keys that are not yet this installation's; they go with the stack, unless it is moved. */
  #useWhile(keys: DisposableStack, barrier: KeyringBarrier): KeyringBarrier {
    keys.use(barrier);
    keys.defer(() => this.#trailBarrier.use(this.#opened?.barrier));
    this.#trailBarrier.use(barrier);
    return barrier;
  }

  #enter(barrier: KeyringBarrier, givers: readonly string[], revision: number): Opened {
    const { clock, boot } = this.#o;
    const configuration = this.#requireStored().value;
    const { audit } = this;
    const opened = openedWith({ configuration, barrier, audit, boot: boot.boot, clock, givers, revision });
    this.#opened = opened;
    this.#trailBarrier.use(barrier);
    this.#alarm = undefined;
    for (const listener of this.#unsealedListeners) listener(opened.unsealed);
    return opened;
  }

  #drop(): void {
    this.#seals += 1;
    this.#trailBarrier.use(undefined);
    this.#opened?.barrier[Symbol.dispose]();
    this.#opened = undefined;
    for (const listener of this.#sealedListeners) listener();
  }

  #adopt({ value }: Pick<Entry, 'value'>): void {
    this.#stored = readExpectedConfiguration(value, this.#o);
  }

  /** A refusal of a known admin: written at once, or held until there is a barrier. */
  async #refuse(facts: AuditFacts, error: unknown): Promise<void> {
    const refused = this.#report(facts, error);
    if (refused === undefined) return;
    if (this.#opened === undefined) this.#held.add(refused);
    else await this.audit.record(this.#o.store, refused);
  }

  #report(facts: AuditFacts, error: unknown): AuditFacts | undefined {
    const refused = refusal(facts, error);
    if (refused !== undefined) for (const listener of this.#refusedListeners) listener(refused);
    return refused;
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
