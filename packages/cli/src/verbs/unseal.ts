/**
 * `letterlock unseal`: gives the own share to every process behind the address, each by its own attested key.
 * It must never give a share that is not the pinned one, nor to a process that nobody vouched for.
 * @module
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { LetterlockClient, parseAddress, type Boot, type Identity, type ShareOutcome } from '@letterlock/client';
import { checkFingerprint, readIdentity, readOrigin, trustedFingerprint } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, exitStatus, usage } from '../exit-status.ts';
import { nameAndId } from '../people.ts';
import { confirm } from '../prompt.ts';
import { defineVerb } from '../verb.ts';

const options = {
  boot: {
    flags: '--boot <fingerprint>',
    help: 'boot fingerprint of the process, from its log; default: the one of "share check", or asked for',
  },
  acceptUnpinnedShare: {
    flags: '--accept-unpinned-share',
    help: 'your share was never checked on this machine: believe the server which one it is',
  },
  status: { flags: '--status', help: 'give nothing: only show who has given a share and who is missing' },
} as const;

export const verb = defineVerb({
  description:
    'Your share is decrypted here, compared with the pin of "share check", and encrypted to the one process that the boot fingerprint names. ' +
    'Every address of the host name is visited. Exit status 6 while shares are missing.',
  options,
  examples: [
    { command: 'letterlock unseal --key alice.key', does: 'give your share' },
    { command: 'letterlock unseal --key alice.key --status', does: 'who has given a share, who is missing?' },
    {
      command: 'letterlock unseal --key alice.key --boot FINGERPRINT',
      does: 'give it to exactly this process, without a question',
    },
  ],
  async run(context, { options: given }) {
    if (given.boot !== undefined) checkFingerprint(given.boot);
    const identity = await readIdentity(context);
    const origin = await readOrigin(context);
    const fingerprint = await trustedFingerprint(context, origin);
    const visits: Visit[] = [];
    for (const dialHost of await addressesOf(origin)) {
      using client = new LetterlockClient({ address: origin, trust: { pinned: fingerprint }, identity, dialHost });
      visits.push(await visit(context, client, { identity, origin, dialHost, ...given }));
    }
    report(context, visits);
  },
});

interface Chosen {
  readonly identity: Identity;
  readonly origin: string;
  readonly dialHost: string;
  readonly boot: string | undefined;
  readonly acceptUnpinnedShare: boolean;
  readonly status: boolean;
}

/** What one process answered. */
type Visit = {
  readonly address: string;
  readonly state: string;
  readonly have: number;
  readonly k: number;
  readonly given: readonly string[];
  readonly missing: readonly string[];
} & ({ readonly failure?: undefined } | { readonly failure: unknown });

async function visit(context: Context, client: LetterlockClient, chosen: Chosen): Promise<Visit> {
  const { signal } = context;
  try {
    const { state } = await context.progress(`Connecting to ${chosen.dialHost}`, client.state({ signal }));
    const isOpen = state === 'unsealed' || state === 'quarantine';
    const outcome = chosen.status || isOpen ? undefined : await give(context, client, chosen);
    const status = await client.unsealStatus({ signal });
    const isUnsealed = isOpen || outcome?.isUnsealed === true;
    return {
      address: chosen.dialHost,
      state: isUnsealed ? 'unsealed' : state,
      have: isUnsealed ? status.k : status.have,
      k: status.k,
      given: status.given,
      missing: status.admins.filter((admin) => !status.given.includes(admin)),
    };
  } catch (failure) {
    if ((failure as { readonly name?: string }).name !== 'ConnectionError') throw failure;
    return { address: chosen.dialHost, state: 'not reached', have: 0, k: 0, given: [], missing: [], failure };
  }
}

function give(context: Context, client: LetterlockClient, chosen: Chosen): Promise<ShareOutcome> {
  const share = context.knownServers.find(chosen.origin)?.shares?.[chosen.identity.id];
  if (share === undefined && !chosen.acceptUnpinnedShare) {
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
    boot: chosen.boot ?? ((boot) => vouch(context, boot, share?.boot)),
  });
}

/** The process of the last share check is known; of any other a person must have read the fingerprint in its log. */
async function vouch(context: Context, { boot, trustDomain }: Boot, knownBoot: string | undefined): Promise<boolean> {
  if (boot === knownBoot) return true;
  return confirm(
    context.terminal,
    `A process of ${trustDomain} asks for your share. Its boot fingerprint is\n  ${boot}\nCompare it with the log of the server, not with the network.`,
    'give the boot fingerprint from the log of the server with --boot',
  );
}

async function addressesOf(origin: string): Promise<readonly string[]> {
  const { host } = parseAddress(origin);
  if (isIP(host) !== 0) return [host];
  try {
    const found = await lookup(host, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch (cause) {
    throw new CommandError('unavailable', `Cannot find ${host}: its name is not known`, 'check the address', cause);
  }
}

function report(context: Context, visits: readonly Visit[]): void {
  const reached = visits.filter(({ failure }) => failure === undefined);
  const [first] = reached;
  if (first === undefined) throw visits[0]?.failure;
  const waiting = reached.find(({ state }) => state !== 'unsealed');
  const shown = waiting ?? first;
  const people = (ids: readonly string[]): string => ids.map((id) => nameAndId(context, id)).join(', ') || 'nobody';
  context.output.result(
    {
      state: shown.state,
      have: shown.have,
      k: shown.k,
      given: shown.given,
      missing: shown.missing,
      replicas: visits.map(({ address, state }) => ({ address, state })),
    },
    [
      ['state', shown.state],
      ...(waiting === undefined
        ? []
        : ([
            ['shares', `${waiting.have} of ${waiting.k}`],
            ['given by', people(waiting.given)],
            ['missing', people(waiting.missing)],
            [
              'next',
              `${Math.max(1, waiting.k - waiting.have)} more of them: letterlock unseal; shares are forgotten after 15 minutes`,
            ],
          ] as const)),
      ...visits.map(({ address, state }) => ['replica', `${address} ${state}`] as const),
    ],
  );
  if (waiting !== undefined) process.exitCode = exitStatus.sealed;
}
