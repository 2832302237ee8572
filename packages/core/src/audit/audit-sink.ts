/**
 * The port of audit sinks: what copies the lines of the trail to where others keep them.
 * It must never be waited for by a request: the store holds every record, a sink follows.
 * @module
 */

/** Where a line stands in the store, so that a sink which fell behind can read it again. */
export type AuditPlace =
  | { readonly seq: number }
  /** A record of a process that has ended. */
  | { readonly of: string; readonly seq: number }
  | { readonly checkpoint: number };

/** One line without its end: a record's canonical bytes, or `{"ckpt":…,"key":…}`. */
export interface AuditLine {
  readonly place: AuditPlace;
  readonly text: string;
}

export interface AuditSink {
  /** Takes the next line; must neither throw nor wait. */
  take(line: AuditLine): void;
}
