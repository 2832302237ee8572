/**
 * The log: constant sentences with facts as fields, one JSON object a line.
 * It must never hold a header, a body, a key or an error's text that could quote one.
 * @module
 */
import { isProblemError } from '@letterlock/protocol';
import { pino, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './config.ts';

/** The second net: the first is that secrets are SecretBytes and that no code logs headers or bodies. */
const redactedNames = [
  'authorization',
  'headers',
  'body',
  'jws',
  'proof',
  'token',
  'share',
  'key',
  'secret',
  'payload',
];

/** Makes the log of the process. @param destination - default: standard output, written without waiting for it */
export function createLog(level: LogLevel, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
      redact: { paths: redactedNames.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  );
}

interface ErrorDescription {
  readonly name: string;
  readonly code?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly message?: string;
  readonly stack?: readonly string[];
  readonly cause?: ErrorDescription;
}

const deepestCause = 4;

/**
 * What of an error may be logged: names, codes, and where it happened. Messages of SyntaxError and of errors with a
 * code quote their input (`JSON.parse`, argument checks), so only the place is kept of those.
 */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (typeof error !== 'object' || error === null) return { name: typeof error };
  const { name, message, stack, cause } = error as Partial<Error>;
  const { code } = error as { readonly code?: unknown };
  const common = {
    name: name ?? 'Error',
    ...(typeof code === 'string' ? { code } : {}),
    ...(cause === undefined || depth >= deepestCause ? {} : { cause: describeError(cause, depth + 1) }),
  };
  if (isProblemError(error)) {
    return {
      ...common,
      ...(error.reason === undefined ? {} : { reason: error.reason }),
      ...(error.detail === undefined ? {} : { detail: error.detail }),
    };
  }
  const mayQuote = name === 'SyntaxError' || typeof code === 'string';
  const frames = stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? [];
  return {
    ...common,
    ...(mayQuote || message === undefined ? {} : { message }),
    stack: frames.slice(0, 12).map((line) => line.trim()),
  };
}
