/**
 * What one wrap and one secret must do, as small state machines written from docs/protocol.md and not from the service.
 * It must never import anything of the service.
 * @module
 */
import type { Answer, Asked } from './history.ts';

/** What a call does in a state, and what must be answered. */
interface Effect {
  readonly next: string;
  readonly answer: Answer;
}
/** @returns undefined for a call that the model does not know */
export type Model = (state: string, asked: Asked) => Effect | undefined;

export const absent = 'ABSENT';
const ok: Answer = { is: 'ok' };
const refused = (code: string): Answer => ({ is: 'refused', code });

/** States: ABSENT, STORED, CLAIMED by a claim id, and OPENED, BURNED and REVOKED, of which the first two name the claim too. */
export const wrapModel: Model = (state, asked) => {
  const [st = absent, owner] = state.split(' ');
  const stay = (answer: Answer): Effect => ({ next: state, answer });
  const gone: Answer = { is: 'refused', code: 'gone', st };
  if (asked.do === 'store') return st === absent ? { next: 'STORED', answer: ok } : stay(ok);
  if (st === absent) return stay(refused('not_found'));
  if (asked.do === 'status') return stay({ is: 'ok', st });
  if (asked.do === 'open') {
    if (st === 'STORED') return { next: `CLAIMED ${asked.cid}`, answer: ok };
    if (st === 'CLAIMED') return stay(owner === asked.cid ? ok : refused('already_claimed'));
    return stay(gone);
  }
  if (asked.do === 'acknowledge') {
    if (st === 'STORED') return stay(refused('conflict'));
    if (st === 'CLAIMED' && owner === asked.cid) return { next: `OPENED ${asked.cid}`, answer: ok };
    if (st === 'CLAIMED') return stay(refused('already_claimed'));
    return stay(st === 'OPENED' && owner === asked.cid ? ok : gone);
  }
  if (asked.do === 'revoke') {
    if (st === 'STORED') return { next: 'REVOKED', answer: ok };
    if (st === 'CLAIMED') return stay(refused('already_claimed'));
    return stay(st === 'REVOKED' ? ok : gone);
  }
  return undefined;
};

/** What time does to a claimed wrap. */
export function burned(state: string): string | undefined {
  return state.startsWith('CLAIMED ') ? state.replace('CLAIMED', 'BURNED') : undefined;
}

/** States: a JSON list of `[version, content]`, the latest last. */
export const secretModel: Model = (state, asked) => {
  const versions = (state === absent ? [] : JSON.parse(state)) as readonly (readonly [number, string])[];
  const latest = versions.at(-1);
  const stay = (answer: Answer): Effect => ({ next: state, answer });
  if (asked.do === 'write') {
    const { ver, content } = asked;
    if (ver > (latest?.[0] ?? 0)) return { next: JSON.stringify([...versions, [ver, content]]), answer: ok };
    return stay({ is: 'refused', code: 'conflict', ver: latest![0] });
  }
  if (asked.do !== 'read') return undefined;
  const found = asked.ver === undefined ? latest : versions.find(([ver]) => ver === asked.ver);
  if (found === undefined) return stay(refused('not_found'));
  return stay({ is: 'ok', ver: found[0], content: found[1] });
};

/** Whether an answer is the one that the model gives, in all that the model says. */
export function fits(answer: Answer, expected: Answer): boolean {
  return Object.entries(expected).every(
    ([name, value]) => (answer as Readonly<Record<string, unknown>>)[name] === value,
  );
}
