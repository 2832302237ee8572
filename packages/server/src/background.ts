/**
 * Work that repeats in the background: never twice at once, never keeping the process alive, stopped before the end.
 * It must never swallow a failure: each goes to the log.
 * @module
 */

export interface RepeatedTask {
  readonly everyMilliseconds: number;
  /** Ends early when the signal is aborted. @returns another pause before the next run, milliseconds */
  readonly run: (signal: AbortSignal) => Promise<number | undefined>;
  readonly onError: (error: unknown) => void;
}

/** Repeats a task, the pause counted from its end. @returns stops it and waits for a run under way */
export function repeat(task: RepeatedTask): () => Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout;
  const schedule = (pauseMilliseconds: number): void => {
    timer = setTimeout(() => {
      running = runOnce();
    }, pauseMilliseconds);
    timer.unref();
  };
  const runOnce = async (): Promise<void> => {
    let pauseMilliseconds: number | undefined;
    try {
      pauseMilliseconds = await task.run(signal);
    } catch (error) {
      if (!signal.aborted) task.onError(error);
    }
    if (!signal.aborted) schedule(pauseMilliseconds ?? task.everyMilliseconds);
  };
  schedule(task.everyMilliseconds);
  return async () => {
    controller.abort();
    clearTimeout(timer);
    await running;
  };
}
