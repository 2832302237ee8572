/**
 * The agent's log: one JSON object a line, a constant sentence and facts as fields.
 * It must never be given a secret; what is one prints as [redacted].
 * @module
 */
import { isProblemError } from '@letterlock/protocol';
import { logLevels, type LogLevel } from './environment.ts';

export type LogFacts = Readonly<Record<string, unknown>>;
export type Log = Readonly<Record<LogLevel, (sentence: string, facts?: LogFacts) => void>>;

/** @param write - takes one line with its end */
export function createLog(o: {
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  readonly now: () => Date;
}): Log {
  const most = logLevels.indexOf(o.level);
  const at = (level: LogLevel) => (sentence: string, facts?: LogFacts) => {
    if (logLevels.indexOf(level) > most) return;
    o.write(`${JSON.stringify({ time: o.now().toISOString(), level, msg: sentence, ...facts })}\n`);
  };
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
}

/** What may be said about an error: names, never texts that others wrote. */
export function errorFacts(error: unknown): LogFacts {
  if (isProblemError(error)) return { code: error.code, reason: error.reason, detail: error.detail };
  if (typeof error !== 'object' || error === null) return { code: 'unknown' };
  const { name, code, message } = error as {
    readonly name?: string;
    readonly code?: unknown;
    readonly message?: string;
  };
  return { code: typeof code === 'string' || typeof code === 'number' ? code : name, detail: message };
}
