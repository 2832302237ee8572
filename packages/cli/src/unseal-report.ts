/**
 * What a person is told about an unsealing: who has given, who is missing, at which replica, and what to do next.
 * It must never add up shares of different replicas: each counts where it was given.
 * @module
 */
import type { Context } from './context.ts';
import type { Row } from './output.ts';
import { nameAndId } from './people.ts';
import type { Visit } from './unseal-visit.ts';

/** Shares and the next step at the replicas that wait. With one, its people; with several, replicaRows has them. */
export function shareRows(context: Context, waiting: readonly Visit[], ownId: string): readonly Row[] {
  const [first] = waiting;
  const isOwnMissing = waiting.some(({ given }) => !given.includes(ownId));
  const isOwnGiven = waiting.some(({ given }) => given.includes(ownId));
  return [
    ...(waiting.length === 1 ? peopleRows(context, first!) : []),
    ['next', isOwnMissing ? 'you: letterlock unseal, with your key' : othersText(context, waiting, ownId)],
    ['note', 'a share is forgotten 15 minutes after it was given'],
    ...(isOwnGiven
      ? ([['then', 'check who unsealed it: letterlock unseal --status, within 10 minutes']] as const)
      : []),
  ];
}

/** One line for each replica, with its people where several wait; what is to be done about one that is away. */
export function replicaRows(context: Context, visits: readonly Visit[]): readonly Row[] {
  const isDetailed = visits.filter(isWaiting).length > 1;
  return visits.flatMap((visit): readonly Row[] => [
    ['replica', replicaText(visit, visits.length)],
    ...(isDetailed && isWaiting(visit) ? peopleRows(context, visit).slice(1) : []),
  ]);
}

export function peopleText(context: Context, ids: readonly string[]): string {
  return ids.map((id) => nameAndId(context, id)).join(', ') || 'nobody';
}

function peopleRows(context: Context, { have, k, given, missing }: Visit): readonly Row[] {
  return [
    ['shares', `${have} of ${k}`],
    ['given by', peopleText(context, given)],
    ['missing', peopleText(context, missing)],
  ];
}

/** Those who can still give somewhere; the visitor has given everywhere. */
function othersText(context: Context, waiting: readonly Visit[], ownId: string): string {
  const needed = Math.max(...waiting.map(({ k, have }) => k - have));
  const others = [...new Set(waiting.flatMap(({ missing }) => missing))].filter((id) => id !== ownId);
  return `${needed} of ${peopleText(context, others)}: letterlock unseal`;
}

function replicaText({ address, state, have, k }: Visit, count: number): string {
  const progress = state === 'sealed' ? `, ${have} of ${k}` : '';
  const next = state === 'not reached' && count > 1 ? ': start it, then give again, as many admins as are needed' : '';
  return `${address} ${state}${progress}${next}`;
}

function isWaiting({ failure, state }: Visit): boolean {
  return failure === undefined && state !== 'unsealed';
}
