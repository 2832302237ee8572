/**
 * The calls about one item as lines, for who has to find out what went wrong.
 * It must never show content: what people wrap here is random, but a habit is a habit.
 * @module
 */
import type { Answer, Asked, History } from './history.ts';

const shownCharacters = 8;

/** In the order in which they began; times in milliseconds from the first. */
export function describeCalls({ calls }: Pick<History, 'calls'>, item: string): readonly string[] {
  const about = calls.filter((call) => call.item === item).toSorted((one, other) => one.from - other.from);
  const start = about[0]?.from ?? 0;
  return about.map(({ from, to, by, replica, asked, answer }) => {
    const time = `${Math.round(from - start)} to ${Math.round(to - start)} ms`;
    return `${time}, ${short(by)} at ${replica}: ${describeAsked(asked)}, ${describeAnswer(answer)}`;
  });
}

function describeAsked(asked: Asked): string {
  if ('cid' in asked) return `${asked.do} ${short(asked.cid)}`;
  return 'ver' in asked ? `${asked.do} version ${asked.ver}` : asked.do;
}

function describeAnswer(answer: Answer): string {
  if (answer.is === 'ok') {
    const facts = [answer.st, answer.n === undefined ? undefined : `n ${answer.n}`, answer.ver];
    return ['ok', ...facts.filter((fact) => fact !== undefined)].join(' ');
  }
  if (answer.is === 'refused')
    return [answer.code, answer.st, answer.ver].filter((fact) => fact !== undefined).join(' ');
  return `${answer.is} (${answer.why})`;
}

function short(id: string): string {
  return id.slice(0, shownCharacters);
}
