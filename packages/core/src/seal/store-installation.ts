/**
 * Stores a new installation in one transaction and finds out what became of it.
 * It must never write over an installation, nor report one as made that is not in the store.
 * @module
 */
import { equalConstantTime } from '@letterlock/crypto';
import { isProblemError, ProblemError } from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { checkpointPaths } from '../audit/checkpoints.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Barrier } from '../store/barrier.ts';
import type { CallOptions, Compare, Entry, Operation, Store } from '../store/store.ts';
import { commitAudited } from './commit-audited.ts';
import type { CreatedInstallation } from './create-installation.ts';
import { alarm } from './seal-problems.ts';
import { encodeEpoch, encodeSchema, systemPaths } from './system-records.ts';

/** The records that a server reads before it can open anything, in one consistent look. */
export async function readSystemRecords(
  store: Store,
  options?: CallOptions,
): Promise<{
  readonly schema: Entry | undefined;
  readonly seal: Entry | undefined;
  readonly keyring: Entry | undefined;
  readonly epoch: Entry | undefined;
  /** The last checkpoint of the audit trail. */
  readonly checkpoint: Entry | undefined;
}> {
  const { schema, seal, keyring, epoch } = systemPaths;
  const keys = [schema, seal, keyring, epoch, checkpointPaths.head];
  const { entries } = await store.transact({ compare: [], then: keys.map((key) => ({ do: 'get', key })) }, options);
  return { schema: entries[0], seal: entries[1], keyring: entries[2], epoch: entries[3], checkpoint: entries[4] };
}

/**
 * A store without a seal configuration may be initialised only if nothing at all is in it and nothing was expected.
 * @throws 'internal' with the reason of the alarm
 */
export async function requireEmptyStore(store: Store, pinnedInstanceKey: string | undefined): Promise<void> {
  const { entries } = await store.range({ prefix: '', limit: 1 });
  if (entries.length > 0) throw alarm('seal_configuration_missing', 'The store holds data but no seal configuration');
  if (pinnedInstanceKey !== undefined) {
    throw alarm('instance_key_pinned', 'An instance key is pinned, but the store holds no installation');
  }
}

/** `stored`: the revision at which it is there. `foreign`: another one is. */
export type StoringOutcome = { readonly stored: number } | { readonly foreign: Entry };

/**
 * One transaction for everything, so that a crash leaves all or nothing; without a good answer the store is read.
 * @throws 'unavailable' when nothing was stored or that cannot be learned; the same call may be made again
 */
export async function storeInstallation(o: {
  readonly store: Store;
  readonly trail: AuditTrail;
  readonly facts: readonly AuditFacts[];
  readonly created: CreatedInstallation;
  readonly barrier: Barrier;
  /** What else must be there from the first moment on. */
  readonly firstRecords: readonly Operation[];
}): Promise<StoringOutcome> {
  const { store, created, barrier } = o;
  let cause: unknown;
  try {
    const { isApplied, revision } = await commitAudited(store, o.trail, o.facts, {
      compare: [isAbsent(systemPaths.seal), isAbsent(systemPaths.keyring)],
      then: [
        put(systemPaths.schema, encodeSchema()),
        put(systemPaths.seal, created.configurationBytes),
        put(systemPaths.keyring, created.keyringRecord),
        put(systemPaths.epoch, barrier.seal(systemPaths.epoch, encodeEpoch(0))),
        ...o.firstRecords,
      ],
    });
    if (isApplied) return { stored: revision };
  } catch (error) {
    // A defect is not a lost answer.
    if (!isProblemError(error)) throw error;
    cause = error;
  }
  const { seal } = await readSystemRecords(store);
  if (seal === undefined) throw new ProblemError('unavailable', { reason: 'init_not_stored', cause });
  if (!equalConstantTime(seal.value, created.configurationBytes)) return { foreign: seal };
  return { stored: seal.modRevision };
}

function isAbsent(key: string): Compare {
  return { key, field: 'create', is: '=', revision: 0 };
}

function put(key: string, value: Uint8Array): Operation {
  return { do: 'put', key, value };
}
