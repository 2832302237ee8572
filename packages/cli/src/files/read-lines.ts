/**
 * Reads the lines of a stream of any length.
 * It must never keep more than one line of it.
 * @module
 */

/** Longer than an audit line can be. */
const longestLineBytes = 65_536;
const lineEnd = 0x0a;

/** A line without its end. `isComplete` is false for what stands after the last end; `text` is cut if it is too long. */
export interface Line {
  readonly text: string;
  readonly isComplete: boolean;
}

/** Bytes that are not UTF-8 become replacement characters: no valid line has one where it matters. */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(lineEnd); end !== -1; end = chunk.indexOf(lineEnd, from)) {
      yield { text: Buffer.concat([rest, chunk.subarray(from, end)]).toString('utf8'), isComplete: true };
      rest = Buffer.alloc(0);
      from = end + 1;
    }
    if (rest.length <= longestLineBytes) rest = Buffer.concat([rest, chunk.subarray(from)]);
  }
  if (rest.length > 0) yield { text: rest.toString('utf8'), isComplete: false };
}
