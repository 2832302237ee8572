/**
 * Where opened content goes: a file, a pipe, or a terminal; each knows when the content is safe.
 * It must never return from `deliver` before it is, nor leave a part of a file behind.
 * @module
 */
import { closeSync, fstatSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';
import type { Context } from './context.ts';
import { escapeBytesForTerminal } from './escape-for-terminal.ts';
import { CommandError } from './exit-status.ts';
import { checkTarget, writeWholeFile } from './files/write-file.ts';
import { requireTerminal, waitForKey } from './prompt.ts';

export interface Delivery {
  /** Path of the file, if it is one. */
  readonly file: string | undefined;
  /** Returns when the content is safe. With `note` nothing will be acknowledged: it says so instead of asking. A secret's version needs neither. */
  deliver(content: Uint8Array, note: string | undefined): Promise<void>;
}

export interface DeliveryOptions {
  readonly out: string | undefined;
  readonly force: boolean;
  readonly raw: boolean;
  /** False for `--no-ack`. */
  readonly ack: boolean;
}

const standardOutput = 1;

/** Chooses the way, and refuses what cannot work before anything is opened. @throws usage */
export function deliveryOf(context: Context, options: DeliveryOptions): Delivery {
  if (options.out !== undefined) return toFile(context, options.out, options.force);
  if (isatty(standardOutput)) return toTerminal(context, options);
  return toPipe(context);
}

function toFile(context: Context, file: string, isReplacing: boolean): Delivery {
  checkTarget(file, isReplacing);
  return {
    file,
    deliver: (content, note) => {
      writeWholeFile(file, content, { isReplacing });
      if (note !== undefined) context.output.note(`Written to ${file}; ${note}.`);
      return Promise.resolve();
    },
  };
}

function toTerminal(context: Context, options: DeliveryOptions): Delivery {
  const instead = 'write to a file with --out, or leave the acknowledgement out with --no-ack';
  if (options.ack) requireTerminal(context.terminal, 'Cannot wait for a key', instead);
  return {
    file: undefined,
    deliver: async (content, note) => {
      if (options.raw) await writeAll(content);
      else process.stdout.write(escapeBytesForTerminal(content));
      if (content.at(-1) !== 0x0a) process.stdout.write('\n');
      if (note !== undefined) context.output.note(`${note[0]!.toUpperCase()}${note.slice(1)}.`);
      else if (options.ack)
        await waitForKey(context.terminal, 'Press a key when you have it: the wrap is then gone for ever. ', instead);
    },
  };
}

function toPipe(context: Context): Delivery {
  return {
    file: undefined,
    deliver: async (content, note) => {
      await writeAll(content);
      // The reader sees the end now; a reader that ended early has failed the writing above.
      closeSync(standardOutput);
      if (note !== undefined) context.output.note(`${note[0]!.toUpperCase()}${note.slice(1)}.`);
    },
  };
}

/** Writes everything, also to a pipe that takes only a little at a time. @throws CommandError if the reader is gone */
async function writeAll(content: Uint8Array): Promise<void> {
  for (let offset = 0; offset < content.length;) {
    try {
      offset += writeSync(standardOutput, content, offset);
    } catch (cause) {
      const { code } = cause as { readonly code?: string };
      // A full pipe of a non-blocking descriptor.
      if (code === 'EAGAIN') await delay(5);
      else {
        const kind = fstatSync(standardOutput).isFile() ? 'the disk is full or failed' : 'its reader has ended';
        throw new CommandError(
          'usage',
          `Cannot write to standard output: ${kind}; nothing was acknowledged`,
          'run the same command again',
          cause,
        );
      }
    }
  }
}
