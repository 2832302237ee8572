/**
 * `letterlock audit tail`: shows the last lines of an audit file, and what is added to it.
 * It must never be taken for a proof: that is `audit verify`.
 * @module
 */
import { createReadStream, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditRecordClaims, isProblemError, readClaims, type AuditRecordClaims } from '@letterlock/protocol';
import type { Context } from '../context.ts';
import { escapeForTerminal } from '../escape-for-terminal.ts';
import { usage } from '../exit-status.ts';
import { readLines } from '../files/read-lines.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

const defaultLines = 20;
const pollMilliseconds = 300;

export const verb = defineVerb({
  description:
    'Shows time, act, object, who and outcome, one line each; with --output json the lines as they are. It verifies nothing: ' +
    'that is "letterlock audit verify".',
  arguments: { '<file>': 'a file of audit lines' },
  options: {
    lines: { flags: '--lines <count>', help: `how many lines at first; default ${defaultLines}` },
    follow: { flags: '--follow', help: 'go on with what is added, until interrupted' },
  },
  examples: [
    { command: 'letterlock audit tail audit.jsonl', does: 'show the last lines' },
    { command: 'letterlock audit tail audit.jsonl --follow -o json', does: 'hand every new line to another program' },
  ],
  async run(context, { arguments: [path = ''], options: { lines, follow } }) {
    if (lines !== undefined && !/^\d{1,6}$/.test(lines)) throw usage('Cannot use --lines: it is a number up to 999999');
    let place: Place = { inode: undefined, offset: 0 };
    place = await readOn(context, path, place, lines === undefined ? defaultLines : Number(lines));
    if (!follow) return;
    while (!context.signal.aborted) {
      await sleep(pollMilliseconds, undefined, { signal: context.signal }).catch(() => undefined);
      place = await readOn(context, path, place, Number.POSITIVE_INFINITY);
    }
  },
});

/** How far a file has been read; another inode under the name is a new file. */
interface Place {
  readonly inode: number | undefined;
  readonly offset: number;
}

/** Shows what is complete after a place, the last so many lines of it. @returns the new place */
async function readOn(context: Context, path: string, place: Place, last: number): Promise<Place> {
  const stats = place.inode === undefined ? statSync(path) : statSync(path, { throwIfNoEntry: false });
  // Between the two steps of a rotation there is none.
  if (stats === undefined) return place;
  const isSame = place.inode === stats.ino && stats.size >= place.offset;
  let offset = isSame ? place.offset : 0;
  if (stats.size === offset) return { inode: stats.ino, offset };
  const shown: string[] = [];
  for await (const { text, isComplete } of readLines(createReadStream(path, { start: offset, end: stats.size - 1 }))) {
    if (!isComplete) break;
    offset += Buffer.byteLength(text) + 1;
    shown.push(text);
    if (shown.length > last) shown.shift();
  }
  for (const line of shown) context.output.text(`${context.output.isJson ? line : describe(line)}\n`);
  return { inode: stats.ino, offset };
}

function describe(line: string): string {
  const record = readRecord(line);
  if (record === undefined) return line.startsWith('{"ckpt":') ? 'checkpoint' : 'a line of something else';
  const { at, act, obj, who, outcome, reason } = record;
  const ending = outcome === 'ok' ? 'ok' : `${outcome} (${reason})`;
  return escapeForTerminal(`${formatTime(at)}  ${act}  ${obj}  by ${who}  ${ending}`);
}

function readRecord(line: string): AuditRecordClaims | undefined {
  try {
    return readClaims(auditRecordClaims, line);
  } catch (error) {
    if (isProblemError(error)) return undefined;
    throw error;
  }
}
