/**
 * Who does what in the search: the writer, the sweeper and the clients, and what each may start next.
 * It must never know what will come of it.
 * @module
 */
import { canonicalBytes } from '@letterlock/protocol';
import type { WrapTask } from '../run-wrap.ts';
import { absentWrap, type SeenWrap, type WrapRecord } from '../wrap-record.ts';
import type { Client } from './search-judge.ts';
import { factsFor } from './wrap-runs.ts';

/** What decides what somebody does next. */
export interface Profile {
  /** Requests so far, by kind. */
  readonly counts: Readonly<Record<string, number>>;
  /** What ends of requests told the person behind them. */
  readonly knows: readonly string[];
}

/** A request that an actor may make now. */
export interface Shot {
  readonly kind: string;
  readonly task: (name: string) => WrapTask;
}

export const expirySeconds = 1000;
const record: WrapRecord = {
  at: 100,
  eh: 'eh',
  exp: expirySeconds,
  id: 'w',
  path: 'p',
  ph: 'ph',
  rcp: 'k:reader',
  s: 'STORED',
  v: 1,
  win: 60,
  wkey: { crv: 'P-256', kty: 'EC', x: 'x', y: 'y' },
  wrt: 'writer',
};
/** As the search's first storing leaves it: what a replica remembers that hears of nothing later. */
export const rememberedWrap: SeenWrap = { record, revision: 2 };
const envelope = canonicalBytes({ hdr: 'content' });

/** Facts that decide what somebody does next; others are not remembered, so that fewer worlds differ. */
const remembered: ReadonlySet<string> = new Set(['stored', 'delivered', 'acknowledged', 'gone', 'already_claimed']);

export function isRemembered(fact: string): boolean {
  return remembered.has(fact);
}

/** The writer stores until it hears that it is stored, then may take it back. */
export function writerShots({ counts, knows }: Profile): readonly Shot[] {
  if (!knows.includes('stored')) {
    if ((counts['store'] ?? 0) >= 2) return [];
    const event = { do: 'store', record } as const;
    return [
      { kind: 'store', task: () => ({ id: 'w', event, from: absentWrap, envelope, factsOf: factsFor('writer') }) },
    ];
  }
  if ((counts['revoke'] ?? 0) >= 1) return [];
  const event = { do: 'revoke', by: 'writer', mayDestroy: () => false } as const;
  return [{ kind: 'revoke', task: () => ({ id: 'w', event, from: 'read', factsOf: factsFor('writer') }) }];
}

/** The sweeper looks whenever it likes; tombstones are purged at the expiry. */
export function sweeperShots({ counts }: Profile, sweeps: number): readonly Shot[] {
  if ((counts['sweep'] ?? 0) >= sweeps) return [];
  const event = { do: 'sweep', tombstoneSeconds: 0 } as const;
  return [{ kind: 'sweep', task: () => ({ id: 'w', event, from: 'read', factsOf: factsFor('service') }) }];
}

/** A client opens until it is refused, more than once even if it was served, and acknowledges what it was given. */
export function clientShots(
  { counts, knows }: Profile,
  { kid: by, cid }: Client,
  opens: number,
  recent?: SeenWrap,
): readonly Shot[] {
  const shots: Shot[] = [];
  const isOver = ['acknowledged', 'gone', 'already_claimed'].some((fact) => knows.includes(fact));
  if (!isOver && (counts['open'] ?? 0) < opens) {
    const event = (name: string) => ({ do: 'open', by, cid, bh: name, proof: 'p' }) as const;
    shots.push({
      kind: 'open',
      task: (name) => ({ id: 'w', event: event(name), from: 'read', recent, factsOf: factsFor(by) }),
    });
  }
  if (knows.includes('delivered') && !knows.includes('acknowledged') && (counts['acknowledge'] ?? 0) < 2) {
    const event = { do: 'acknowledge', by, cid, proof: 'p' } as const;
    shots.push({ kind: 'acknowledge', task: () => ({ id: 'w', event, from: 'read', recent, factsOf: factsFor(by) }) });
  }
  return shots;
}
