/**
 * One visit of one process behind an address: the share is given, or only the state is read.
 * It must never give a share that is not the pinned one, nor to a process that nobody vouched for.
 * @module
 */
import {
  LetterlockClient,
  replicasOf,
  type Identity,
  type SharedOrigin,
  type ShareOutcome,
  type UnsealStatus,
} from '@letterlock/client';
import { vouch, type BootKnowledge } from './boot-identities.ts';
import type { Context } from './context.ts';
import { usage } from './exit-status.ts';
import { patienceFor } from './read-keys.ts';
import { knownShare, type Service } from './service.ts';

export interface Visitor extends BootKnowledge {
  readonly identity: Identity;
  readonly service: Service;
  readonly acceptUnpinnedShare: boolean;
}

/** One process, as far as an address can tell. */
export interface Place {
  /** Its origin, or where it is dialled. */
  readonly shown: string;
  readonly address: SharedOrigin;
}

/** What one process answered. */
export interface Visit {
  /** As it is shown: the origin, or where it was dialled. */
  readonly address: string;
  /** `unsealed`, `sealed`, `not reached`, or `refused` by this program. */
  readonly state: string;
  readonly boot: string | undefined;
  readonly have: number;
  readonly k: number;
  readonly given: readonly string[];
  readonly missing: readonly string[];
  /** What the pinned instance key says about who unsealed it; for ten minutes. */
  readonly ceremony: UnsealStatus['verifiedTranscript'];
  /** Why the process could not be asked, or was not given the share. */
  readonly failure: unknown;
}

/** Every replica, shown by what tells it from the others: its origin, or where it is dialled. */
export async function placesOf(context: Context, service: Service): Promise<readonly Place[]> {
  const { signal } = context;
  const replicas = await context.progress('Looking for replicas', replicasOf(service.address, { signal }));
  const ofOrigin = (origin: string) => replicas.filter((replica) => replica.origin === origin).length;
  return replicas.map((address) => ({
    shown: ofOrigin(address.origin) === 1 ? address.origin : address.addresses[0]!,
    address,
  }));
}

/** @param isGiving - false: nothing is given. A failure that concerns this process alone is in the result. */
export async function visit(
  context: Context,
  visitor: Visitor,
  { shown, address }: Place,
  isGiving: boolean,
): Promise<Visit> {
  const { identity, fingerprint } = visitor;
  const { signal } = context;
  using client = new LetterlockClient({ address, trust: { pinned: fingerprint }, identity, ...patienceFor(identity) });
  try {
    const isGiven = isGiving && (await giveOnce(context, client, visitor, shown));
    const { state } = await context.progress(`Connecting to ${shown}`, client.state({ signal }));
    const status = await client.unsealStatus({ signal });
    const isUnsealed = isGiven || isOpen(state);
    return {
      address: shown,
      state: isUnsealed ? 'unsealed' : state,
      boot: status.boot,
      have: isUnsealed ? status.k : status.have,
      k: status.k,
      given: status.given,
      missing: status.admins.filter((admin) => !status.given.includes(admin)),
      ceremony: status.verifiedTranscript,
      failure: undefined,
    };
  } catch (failure) {
    const state = stateOfFailure(failure);
    if (state === undefined) throw failure;
    const nothing = { boot: undefined, have: 0, k: 0, given: [], missing: [], ceremony: undefined };
    return { address: shown, state, ...nothing, failure };
  }
}

/** A process that is away, or that is another one, must not keep the share from the rest. */
function stateOfFailure(failure: unknown): 'not reached' | 'refused' | undefined {
  const { name, code, exit } = failure as { readonly name?: string; readonly code?: string; readonly exit?: string };
  if (name === 'ConnectionError') return 'not reached';
  const isOther = name === 'TrustError' && (code === 'boot_mismatch' || code === 'attestation_invalid');
  return isOther || exit === 'integrity' ? 'refused' : undefined;
}

/** Gives the share unless it is counted already or no more needed. @returns whether the service is unsealed now */
async function giveOnce(context: Context, client: LetterlockClient, visitor: Visitor, shown: string): Promise<boolean> {
  const { signal } = context;
  const { state } = await context.progress(`Connecting to ${shown}`, client.state({ signal }));
  if (isOpen(state)) return true;
  const { given } = await client.unsealStatus({ signal });
  if (given.includes(visitor.identity.id)) return false;
  try {
    return (await give(context, client, visitor)).isUnsealed;
  } catch (error) {
    // Others may have unsealed it in the same moment.
    if ((error as { readonly code?: string }).code !== 'conflict') throw error;
    if (isOpen((await client.state({ signal })).state)) return true;
    throw error;
  }
}

function give(context: Context, client: LetterlockClient, visitor: Visitor): Promise<ShareOutcome> {
  const share = knownShare(context, visitor.fingerprint, visitor.identity.id);
  if (share === undefined && !visitor.acceptUnpinnedShare) {
    throw usage(
      'Cannot give your share: it was never checked on this machine, so nothing shows that the server asks for the right one',
      'unseal from the machine where "share check" was run, or add --accept-unpinned-share',
    );
  }
  return client.giveShare({
    pin: share ?? { acceptUnpinned: true },
    // A person may have to look into a log first.
    timeoutMilliseconds: 600_000,
    signal: context.signal,
    boot: (boot) => vouch(context, visitor, boot, share?.boot),
  });
}

function isOpen(state: string): boolean {
  return state === 'unsealed' || state === 'quarantine';
}
