/**
 * Runs one program of the machine to its end.
 * It must never go through a shell: words are passed as they are.
 * @module
 */
import { spawnSync } from 'node:child_process';

export interface ToolOptions {
  /** Text for its standard input. Default none. */
  readonly input?: string;
  /** Open file for its standard input. Default none. */
  readonly stdin?: number;
  /** Default 60 s: these programs take milliseconds. */
  readonly timeoutMilliseconds?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** What it wrote to standard output. @throws Error with what it wrote to standard error */
export function runTool(program: string, words: readonly string[], options: ToolOptions = {}): string {
  const { status, signal, stdout, stderr, error } = attempt(program, words, options);
  if (status === 0) return stdout;
  const why = error?.message ?? (stderr.trim() || `ended by ${signal ?? `status ${status}`}`);
  throw new Error(`Cannot run ${program} ${words.join(' ')}: ${why}`);
}

/** Whether it ends well. */
export function succeeds(program: string, words: readonly string[], options: ToolOptions = {}): boolean {
  return attempt(program, words, options).status === 0;
}

function attempt(program: string, words: readonly string[], options: ToolOptions) {
  return spawnSync(program, words, {
    encoding: 'utf8',
    timeout: options.timeoutMilliseconds ?? 60_000,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, ...options.env },
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.input === undefined ? { stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'] } : {}),
  });
}
