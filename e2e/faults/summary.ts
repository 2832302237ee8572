/**
 * The last lines of a run, and whether they are what was promised.
 * It must never round a failure away.
 * @module
 */
import type { Answer, Call } from './history.ts';
import type { RunReport } from './run.ts';

/** At most this part of the items may stay without an answer. */
const unknownLimit = 0.005;
const servingLimitMilliseconds = 5000;

export interface Summary {
  readonly lines: readonly string[];
  readonly isGood: boolean;
}

type Summarised = Pick<RunReport, 'faults' | 'violations' | 'audit' | 'servingAgainMilliseconds'> & {
  readonly history: {
    readonly items: { readonly length: number };
    readonly calls: readonly Pick<Call, 'answer'>[];
    readonly givenUp: { readonly size: number };
  };
};

export function summarise({ history, faults, violations, audit, servingAgainMilliseconds }: Summarised): Summary {
  const items = history.items.length;
  const unknown = history.givenUp.size;
  const count = (kind: string): number =>
    new Set(violations.filter((each) => each.kind === kind).map(({ item }) => item)).size;
  const others = violations.filter(({ kind }) => kind !== 'double' && kind !== 'lost').length;
  const isInTime = servingAgainMilliseconds === undefined || servingAgainMilliseconds <= servingLimitMilliseconds;
  const serving =
    servingAgainMilliseconds === undefined
      ? []
      : [`leader kill: serving again after ${(servingAgainMilliseconds / 1000).toFixed(1)} s`];
  const answered = (is: Answer['is']): number => history.calls.filter(({ answer }) => answer.is === is).length;
  return {
    lines: [
      [
        `${history.calls.length} calls: ${answered('ok')} done`,
        `${answered('refused')} refused`,
        `${answered('unknown')} without an answer and asked about`,
        `${answered('not_sent')} not sent`,
      ].join(', '),
      `state changes ${audit.changes} = audit records ${audit.records}, ${audit.missing} missing`,
      [
        `${items} items`,
        `${faults} faults`,
        `${count('double')} double`,
        `${count('lost')} lost`,
        ...(others > 0 ? [`${others} other violations`] : []),
        `${unknown} unknown (${((100 * unknown) / Math.max(1, items)).toFixed(1)} %)`,
        ...serving,
      ].join(', '),
    ],
    isGood: violations.length === 0 && unknown <= unknownLimit * items && isInTime,
  };
}
