/**
 * Judges a history, item by item: nothing delivered twice, nothing lost, no false word about how something ended.
 * It must never take an unknown outcome for a failure, nor for a success.
 * @module
 */
import type { Answer, Asked, Call, History, Item } from './history.ts';
import { isLinearisable, type Step } from './linearise.ts';
import { absent, burned, fits, secretModel, wrapModel, type Model } from './models.ts';

export type ViolationKind =
  /** More than one claim of one wrap was given the content. */
  | 'double'
  /** What was acknowledged as stored is not there, or not what was stored. */
  | 'lost'
  /** Content that nobody had written under this name and version. */
  | 'wrong_content'
  /** Told that it was opened, burned or revoked when nobody can have done so. */
  | 'false_end'
  /** Delivered by a sealed service. */
  | 'after_seal'
  /** An answer that no server may give. */
  | 'broken_answer'
  /** A transaction that happened was reported as not happened. */
  | 'misreported'
  /** The answers fit no order. */
  | 'no_order'
  /** Delivered or changed without its audit record, or recorded without having happened. */
  | 'audit';

export interface Violation {
  readonly kind: ViolationKind;
  readonly item: string;
  /** One sentence; ids and numbers only. */
  readonly what: string;
}

/** Clocks of the service count whole seconds. */
const clockMilliseconds = 1000;

/** @returns what was found, in the order of the items. */
export function checkHistory(history: History): readonly Violation[] {
  const calls = Map.groupBy(history.calls, ({ item }) => item);
  const found = history.items.flatMap((item) => checkItem(item, calls.get(item.name) ?? []));
  const misreported: Violation = {
    kind: 'misreported',
    item: 'store',
    what: `${history.misreported} transactions that had happened were reported as not happened`,
  };
  return [...found, ...checkSealed(history), ...(history.misreported > 0 ? [misreported] : [])];
}

/** Judges the calls about one item. */
export function checkItem(item: Item, calls: readonly Call[]): readonly Violation[] {
  const rules = item.kind === 'wrap' ? wrapRules : secretRules;
  const found = rules.flatMap((rule) => rule(item, calls));
  if (found.length > 0 || hasOrder(item, calls)) return found;
  return [
    violation('no_order', item, `The answers to ${calls.length} calls fit no order in which they could have happened`),
  ];
}

type Rule = (item: Item, calls: readonly Call[]) => readonly Violation[];

const brokenAnswer: Rule = (item, calls) =>
  calls.flatMap(({ asked, answer }) =>
    answer.is === 'broken' ? [violation('broken_answer', item, `${asked.do}: ${answer.why}`)] : [],
  );

const double: Rule = (item, calls) => {
  const owners = new Set(
    calls.flatMap(({ by, asked, answer }) => (asked.do === 'open' && answer.is === 'ok' ? [`${by} ${asked.cid}`] : [])),
  );
  return owners.size > 1 ? [violation('double', item, `${owners.size} claims were given the content`)] : [];
};

const wrongContent: Rule = (item, calls) =>
  calls.flatMap(({ asked, answer }) => {
    if (answer.is !== 'ok' || answer.content === undefined) return [];
    const isWritten =
      item.kind === 'wrap'
        ? answer.content === item.content
        : calls.some(
            (call) =>
              call.asked.do === 'write' && call.asked.ver === answer.ver && call.asked.content === answer.content,
          );
    return isWritten ? [] : [violation('wrong_content', item, `${asked.do} gave what nobody had written`)];
  });

const lostWrap: Rule = (item, calls) => {
  const storedAt = firstAnswerAt(calls, ({ asked, answer }) => asked.do === 'store' && answer.is === 'ok');
  return calls.some(({ from, answer }) => from > storedAt && isRefusal(answer, 'not_found'))
    ? [violation('lost', item, 'It was stored and later not found')]
    : [];
};

const lostVersion: Rule = (item, calls) =>
  calls.flatMap(({ asked, answer, to }) => {
    if (asked.do !== 'write' || answer.is !== 'ok') return [];
    const isLost = calls.some(
      (later) =>
        later.from > to &&
        later.asked.do === 'read' &&
        (isRefusal(later.answer, 'not_found') ||
          (later.answer.is === 'ok' &&
            ((later.asked.ver === undefined && later.answer.ver! < asked.ver) ||
              (later.answer.ver === asked.ver && later.answer.content !== asked.content)))) &&
        (later.asked.ver === undefined || later.asked.ver === asked.ver),
    );
    return isLost ? [violation('lost', item, `Version ${asked.ver} was stored and later not there`)] : [];
  });

/** What must have been asked before somebody may be told of such an end. */
const causes: Readonly<Record<string, (call: Call, item: Item) => number>> = {
  OPENED: ({ asked, from }) => (asked.do === 'acknowledge' ? from : Infinity),
  BURNED: ({ asked, from }, { windowSeconds }) =>
    asked.do === 'open' ? from + windowSeconds * 1000 - clockMilliseconds : Infinity,
  REVOKED: ({ asked, from }) => (asked.do === 'revoke' ? from : Infinity),
};

const falseEnd: Rule = (item, calls) =>
  calls.flatMap(({ asked, answer, to }) => {
    const st = answer.is === 'refused' && answer.code === 'gone' ? (answer.st ?? '') : undefined;
    if (st === undefined) return [];
    const cause = causes[st];
    const isCaused = cause !== undefined && calls.some((call) => mayHaveHappened(call) && cause(call, item) <= to);
    return isCaused
      ? []
      : [violation('false_end', item, `${asked.do} was told ${st || 'nothing'}, which nobody can have done`)];
  });

const wrapRules: readonly Rule[] = [brokenAnswer, double, wrongContent, lostWrap, falseEnd];
const secretRules: readonly Rule[] = [brokenAnswer, wrongContent, lostVersion];

function hasOrder(item: Item, calls: readonly Call[]): boolean {
  const model = item.kind === 'wrap' ? wrapModel : secretModel;
  const steps = calls.flatMap((call) => (call.answer.is === 'not_sent' ? [] : [stepOf(call, model)]));
  return isLinearisable(absent, [...steps, ...burning(item, calls)]);
}

function stepOf({ by, asked, answer, from, to }: Call, model: Model): Step {
  const isUnknown = answer.is === 'unknown';
  return {
    label: `${by} ${JSON.stringify(asked)}`,
    from,
    to: isUnknown ? Infinity : to,
    isOptional: isUnknown,
    next: (state) => {
      const effect = model(state, asked);
      return effect !== undefined && (isUnknown || fits(answer, effect.answer)) ? effect.next : undefined;
    },
  };
}

/** The end of the window, which nobody asks for. */
function burning(item: Item, calls: readonly Call[]): readonly Step[] {
  const opens = calls.filter((call) => call.asked.do === 'open' && mayHaveHappened(call));
  if (opens.length === 0) return [];
  const from = Math.min(...opens.map((call) => call.from)) + item.windowSeconds * 1000 - clockMilliseconds;
  return [{ label: 'burn', from, to: Infinity, isOptional: true, next: burned }];
}

function checkSealed({ calls, sealedTimes }: History): readonly Violation[] {
  return calls.flatMap(({ item, asked, answer, from, to, replica }) => {
    const isDelivery = answer.is === 'ok' && answer.content !== undefined;
    const isSealed = sealedTimes.some((time) => time.replica === replica && from > time.from && to < time.to);
    return isDelivery && isSealed
      ? [{ kind: 'after_seal', item, what: `${asked.do} was answered by ${replica} after the seal` }]
      : [];
  });
}

function firstAnswerAt(calls: readonly Call[], isMeant: (call: Call) => boolean): number {
  return Math.min(...calls.filter(isMeant).map(({ to }) => to));
}

function isRefusal(answer: Answer, code: string): boolean {
  return answer.is === 'refused' && answer.code === code;
}

function mayHaveHappened({ answer }: { readonly answer: Answer; readonly asked: Asked }): boolean {
  return answer.is === 'ok' || answer.is === 'unknown';
}

function violation(kind: ViolationKind, { name }: Item, what: string): Violation {
  return { kind, item: name, what };
}
