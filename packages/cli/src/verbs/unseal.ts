/**
 * `letterlock unseal`: gives the own share to every process behind the address, and says who is missing.
 * It must never call a ceremony complete that the pinned instance key did not sign.
 * @module
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseAddress } from '@letterlock/client';
import { checkFingerprint, readIdentity, readOrigin, trustedFingerprint } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, exitStatus } from '../exit-status.ts';
import type { Row } from '../output.ts';
import { nameAndId } from '../people.ts';
import { formatTime } from '../time-text.ts';
import { visit, type Visit, type Visitor } from '../unseal-visit.ts';
import { defineVerb } from '../verb.ts';

const options = {
  boot: {
    flags: '--boot <fingerprint...>',
    help: 'boot fingerprints of the processes, from their logs; default: the one of "share check", or asked for',
  },
  acceptUnpinnedShare: {
    flags: '--accept-unpinned-share',
    help: 'your share was never checked on this machine: believe the server which one it is',
  },
  status: { flags: '--status', help: 'give nothing: only show who has given a share and who is missing' },
  wait: {
    flags: '--wait',
    help: 'give your share, wait up to 15 minutes for the others, and check the transcript that the service signs',
  },
} as const;

/** As long as the service keeps a share. */
const waitSeconds = 900;
const pollMilliseconds = 1000;

export const verb = defineVerb({
  description:
    'Your share is decrypted here, compared with the pin of "share check", and encrypted to the one process that the boot fingerprint names. ' +
    'Every address of the host name is visited; a share that is counted already is not given again. Exit status 6 while shares are missing.',
  options,
  examples: [
    { command: 'letterlock unseal --key alice.key', does: 'give your share' },
    {
      command: 'letterlock unseal --key alice.key --wait',
      does: 'give it, and stay until the others have given theirs',
    },
    {
      command: 'letterlock unseal --key alice.key --status',
      does: 'who has given a share, who is missing; afterwards, for ten minutes: who unsealed it, signed',
    },
    {
      command: 'letterlock unseal --key alice.key --boot FINGERPRINT',
      does: 'give it to exactly this process, without a question',
    },
  ],
  async run(context, { options: given }) {
    for (const boot of given.boot ?? []) checkFingerprint(boot);
    const identity = await readIdentity(context);
    const origin = await readOrigin(context);
    const visitor: Visitor = {
      identity,
      origin,
      fingerprint: await trustedFingerprint(context, origin),
      boots: given.boot,
      acceptUnpinnedShare: given.acceptUnpinnedShare,
    };
    let visits = await visitAll(context, visitor, !given.status);
    if (given.wait) visits = await waitForOthers(context, visitor, visits);
    const refused = visits.find(({ state }) => state === 'refused');
    const isReached = report(context, visits, identity.id);
    if (refused !== undefined) throw refused.failure;
    if (!isReached) throw visits[0]?.failure;
  },
});

/** One visit of each process; two addresses may lead to the same one. */
async function visitAll(context: Context, visitor: Visitor, isGiving: boolean): Promise<readonly Visit[]> {
  const visits: Visit[] = [];
  for (const address of await addressesOf(visitor.origin)) {
    const each = await visit(context, visitor, address, isGiving);
    if (each.boot === undefined || visits.every(({ boot }) => boot !== each.boot)) visits.push(each);
  }
  return visits;
}

/** Looks again until nobody is missing. @throws integrity when a process is unsealed and does not sign that this share was in it */
async function waitForOthers(context: Context, visitor: Visitor, visits: readonly Visit[]): Promise<readonly Visit[]> {
  const { id } = visitor.identity;
  const gaveTo = visits.filter(({ given, state }) => state === 'sealed' && given.includes(id)).map(({ boot }) => boot);
  const until = context.now() + waitSeconds;
  let latest = visits;
  while (latest.some(({ state }) => state === 'sealed') && context.now() < until) {
    await pause(pollMilliseconds, undefined, { signal: context.signal });
    latest = await visitAll(context, visitor, false);
  }
  const unsigned = latest.find(
    ({ boot, state, ceremony }) =>
      state === 'unsealed' && gaveTo.includes(boot) && ceremony?.admins.includes(id) !== true,
  );
  if (unsigned === undefined) return latest;
  throw new CommandError(
    'integrity',
    `Cannot accept ${unsigned.address}: it is unsealed and has not signed that your share was among those that did it`,
    'tell the other admins: it may be another service than yours',
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

/** @returns whether there was anything to show */
function report(context: Context, visits: readonly Visit[], ownId: string): boolean {
  const reached = visits.filter(({ failure }) => failure === undefined);
  const [first] = reached;
  if (first === undefined) return false;
  const waiting = reached.find(({ state }) => state !== 'unsealed');
  const shown = waiting ?? first;
  const { ceremony } = shown;
  context.output.result(
    {
      state: shown.state,
      have: shown.have,
      k: shown.k,
      given: shown.given,
      missing: shown.missing,
      ...(ceremony === undefined ? {} : { ceremony: { admins: ceremony.admins, at: ceremony.t } }),
      replicas: visits.map(({ address, state, boot, have, k }) => ({ address, state, boot, have, k })),
    },
    [
      ['state', shown.state],
      ...(waiting === undefined ? ceremonyRows(context, shown) : waitingRows(context, waiting, ownId)),
      ...visits.map(({ address, state, have, k }) => {
        const progress = state === 'sealed' ? `, ${have} of ${k}` : '';
        return ['replica', `${address} ${state}${progress}`] as const;
      }),
    ],
  );
  if (waiting !== undefined) process.exitCode = exitStatus.sealed;
  return true;
}

function ceremonyRows(context: Context, { ceremony }: Visit): readonly Row[] {
  if (ceremony === undefined) return [];
  return [
    ['unsealed by', peopleText(context, ceremony.admins)],
    ['transcript', `signed by the pinned instance key, ${formatTime(ceremony.t)}`],
  ];
}

function waitingRows(context: Context, { have, k, given, missing }: Visit, ownId: string): readonly Row[] {
  const needed = k - have;
  const others = missing.filter((id) => id !== ownId);
  const isGiven = given.includes(ownId);
  return [
    ['shares', `${have} of ${k}`],
    ['given by', peopleText(context, given)],
    ['missing', peopleText(context, missing)],
    [
      'next',
      isGiven
        ? `${needed} of ${peopleText(context, others)}: letterlock unseal`
        : 'you: letterlock unseal, with your key',
    ],
    ['note', 'a share is forgotten 15 minutes after it was given'],
    ...(isGiven ? ([['then', 'check who unsealed it: letterlock unseal --status, within 10 minutes']] as const) : []),
  ];
}

function peopleText(context: Context, ids: readonly string[]): string {
  return ids.map((id) => nameAndId(context, id)).join(', ') || 'nobody';
}
