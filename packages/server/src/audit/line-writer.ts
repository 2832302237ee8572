/**
 * The port of what writes audit lines somewhere, in batches.
 * It must never hold behaviour.
 * @module
 */
import type { SinkKind } from './sink-address.ts';

export interface LineWriter {
  readonly kind: SinkKind;
  /** Writes all lines or throws; after a throw the same batch comes again. @param signal - aborted at the deadline */
  write(lines: readonly string[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The lines as bytes, each with its end. */
export function encodeLines(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\n')}\n`, 'utf8');
}
