/**
 * Whether calls that overlap can have happened one after the other, in an order that fits their times and their answers.
 * It must never call a history possible for which it has not found such an order.
 * @module
 * @source Wing and Gong, Testing and verifying concurrent objects, 1993; Lowe, Testing for linearizability, 2017
 */

/** One call as the search sees it. */
export interface Step {
  /** What was asked: optional steps with one label are interchangeable. */
  readonly label: string;
  readonly from: number;
  /** Infinity where no answer came: it may still happen at any later time. */
  readonly to: number;
  /** It may as well never have happened. */
  readonly isOptional: boolean;
  /** The state after it, or undefined where its answer does not fit. */
  readonly next: (state: string) => string | undefined;
}

/** Searches for an order. @param initial - states are strings, so that they can be compared */
export function isLinearisable(initial: string, steps: readonly Step[]): boolean {
  const visited = new Set<string>();
  const isDone = steps.map(() => false);

  const search = (state: string): boolean => {
    const firstAnswer = Math.min(...steps.filter((_, index) => isDone[index] !== true).map(({ to }) => to));
    const isOver = steps.every(({ isOptional }, index) => isOptional || isDone[index] === true);
    if (isOver) return true;
    const key = `${isDone.map(Number).join('')} ${state}`;
    if (visited.has(key)) return false;
    visited.add(key);
    const possible = steps.flatMap((step, index) => {
      // Whatever was answered before this call began must have happened before it.
      if (isDone[index] === true || step.from > firstAnswer) return [];
      const next = step.next(state);
      return next === undefined ? [] : [{ index, next, isOptional: step.isOptional }];
    });
    // What leaves the state as it is may happen now: later it can only become harder.
    const quiet = possible.find(({ next, isOptional }) => next === state && !isOptional);
    const choices = quiet === undefined ? possible.filter(({ next }) => next !== state) : [quiet];
    const tried = new Set<string>();
    for (const { index, next, isOptional } of choices) {
      const { label } = steps[index]!;
      if (isOptional && tried.has(label)) continue;
      if (isOptional) tried.add(label);
      isDone[index] = true;
      if (search(next)) return true;
      isDone[index] = false;
    }
    return false;
  };
  return search(initial);
}
