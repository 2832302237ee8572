/**
 * Questions to a person at a terminal.
 * It must never wait where nobody can answer: without a terminal it ends with a usage error.
 * @module
 */
import type { ReadStream } from 'node:tty';
import { usage } from './exit-status.ts';

/** Where questions are asked. */
export interface Terminal {
  readonly input: ReadStream;
  readonly isInteractive: boolean;
  readonly write: (text: string) => void;
}

const interrupts: ReadonlySet<number> = new Set([0x03, 0x04]);
const enter: ReadonlySet<number> = new Set([0x0a, 0x0d]);
const erase: ReadonlySet<number> = new Set([0x08, 0x7f]);
const passphraseBytes = 1024;

/** Asks a question that only the word `yes` accepts. @throws usage without a terminal, saying what to give instead */
export async function confirm(terminal: Terminal, question: string, instead: string): Promise<boolean> {
  requireTerminal(terminal, 'Cannot ask', instead);
  const answer = await readLine(terminal, `${question} Type yes to accept: `, true);
  return new TextDecoder().decode(answer).trim() === 'yes';
}

/** Asks until the answer is one of the choices. @throws usage without a terminal */
export async function choose<const T extends string>(
  terminal: Terminal,
  question: string,
  choices: readonly T[],
  instead: string,
): Promise<T> {
  requireTerminal(terminal, 'Cannot ask', instead);
  for (;;) {
    const answer = new TextDecoder().decode(await readLine(terminal, `${question} (${choices.join(' or ')}): `, true));
    const found = choices.find((choice) => choice === answer.trim());
    if (found !== undefined) return found;
  }
}

/** Reads a passphrase or a secret without showing it. The bytes are the caller's to erase. @throws usage without a terminal */
export async function readHidden(
  terminal: Terminal,
  question: string,
  instead: string,
): Promise<Uint8Array<ArrayBuffer>> {
  requireTerminal(terminal, 'Cannot ask', instead);
  return readLine(terminal, `${question}: `, false);
}

/** Waits for any key. @throws usage without a terminal; an interrupt becomes an AbortError */
export async function waitForKey(terminal: Terminal, question: string, instead: string): Promise<void> {
  requireTerminal(terminal, 'Cannot wait for a key', instead);
  await readBytes(terminal, question, (bytes) => bytes.length > 0);
  terminal.write('\n');
}

/** Whether a person can be asked. @throws usage */
export function requireTerminal(terminal: Terminal, what: string, instead: string): void {
  if (!terminal.isInteractive) throw usage(`${what}: standard input is not a terminal`, instead);
}

async function readLine(terminal: Terminal, question: string, isShown: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const line = new Uint8Array(passphraseBytes);
  let length = 0;
  await readBytes(terminal, question, (bytes) => {
    for (const byte of bytes) {
      if (enter.has(byte)) return true;
      if (erase.has(byte)) length = Math.max(0, length - 1);
      else if (length < line.length) line[length++] = byte;
      if (isShown) terminal.write(erase.has(byte) ? '\b \b' : String.fromCharCode(byte));
    }
    return false;
  });
  terminal.write('\n');
  const answer = line.slice(0, length);
  line.fill(0);
  return answer;
}

/** Raw keys until `isDone`; the terminal is itself again afterwards, whatever happens. */
async function readBytes(terminal: Terminal, question: string, isDone: (bytes: Uint8Array) => boolean): Promise<void> {
  const { input } = terminal;
  // Before the question: what is typed right after it must not be echoed any more.
  input.setRawMode(true);
  terminal.write(question);
  input.resume();
  try {
    await new Promise<void>((resolve, reject) => {
      const onData = (bytes: Buffer): void => {
        const isInterrupted = bytes.some((byte) => interrupts.has(byte));
        const isOver = isInterrupted || isDone(bytes);
        bytes.fill(0);
        if (!isOver) return;
        input.off('data', onData);
        input.off('end', onEnd);
        if (isInterrupted) reject(new DOMException('Interrupted', 'AbortError'));
        else resolve();
      };
      const onEnd = (): void => reject(new DOMException('The terminal was closed', 'AbortError'));
      input.on('data', onData);
      input.once('end', onEnd);
    });
  } finally {
    input.setRawMode(false);
    input.pause();
  }
}
