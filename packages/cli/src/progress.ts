/**
 * A sign of life on standard error for what takes longer than a second.
 * It must never appear where standard error is not a terminal.
 * @module
 */

export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const delayMilliseconds = 1000;
const frameMilliseconds = 100;
const frames = ['|', '/', '-', '\\'] as const;

/** Waits for work; after a second it shows what is going on and for how long, and wipes that again. */
export async function withProgress<T>(
  stream: ProgressStream,
  isQuiet: boolean,
  what: string,
  work: Promise<T>,
): Promise<T> {
  if (stream.isTTY !== true || isQuiet) return work;
  let ticks = 0;
  let timer: NodeJS.Timeout = setTimeout(() => {
    timer = setInterval(() => {
      const seconds = Math.floor((delayMilliseconds + ticks * frameMilliseconds) / 1000);
      stream.write(`\r${frames[ticks % frames.length]!} ${what} (${seconds} s)\x1b[K`);
      ticks += 1;
    }, frameMilliseconds);
  }, delayMilliseconds);
  try {
    return await work;
  } finally {
    // One function clears both kinds of timer.
    clearTimeout(timer);
    if (ticks > 0) stream.write('\r\x1b[K');
  }
}
