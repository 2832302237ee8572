/**
 * An operation that takes several admins: each adds a signature to one file, and the last one sends it.
 * It must never sign what a file says: only what this admin's own command says.
 * @module
 */
import type { RunningOperation } from '@letterlock/client';
import { readOperation } from '@letterlock/crypto';
import { limits, type OperationArguments } from '@letterlock/protocol';
import { existsSync } from 'node:fs';
import { connect } from './connect.ts';
import type { Context } from './context.ts';
import { usage } from './exit-status.ts';
import { readTextFile } from './files/read-file.ts';
import { checkTarget, writeWholeFile } from './files/write-file.ts';
import type { Row } from './output.ts';

/** What all such verbs have. */
export const quorumOptions = {
  file: { flags: '--file <file>', help: 'where the signatures are; made by the first admin, handed to the next' },
  for: { flags: '--for <duration>', help: 'how long the others have time, at most 7d; default 24h' },
} as const;

const mostFileBytes = limits.operationsPerRequest * (limits.operationBytes + 1);

export interface QuorumOperation<N extends RunningOperation> {
  readonly name: N;
  readonly args: OperationArguments<N>;
  readonly file: string;
  /** Of a new file. */
  readonly expiresInSeconds: number;
  /** What is shown when it is done. */
  readonly rows: readonly Row[];
}

/** Signs, keeps the signature in the file, and sends all there are. @throws usage for a file that says something else */
export async function decideTogether<N extends RunningOperation>(
  context: Context,
  { name, args, file, expiresInSeconds, rows }: QuorumOperation<N>,
): Promise<void> {
  const before = existsSync(file) ? readSignatures(file) : [];
  checkTarget(file, true);
  using connected = await connect(context);
  const { client, identity } = connected;
  const { signal } = context;
  const [first] = before;
  const others = before.filter((jws) => signerOf(jws) !== identity.id);
  const own =
    first === undefined
      ? await client.signOperation(name, args, { expiresInSeconds, signal })
      : await client.cosignOperation(name, args, first, { signal }).catch((error: unknown) => {
          if (!(error instanceof RangeError)) throw error;
          throw usage(
            `${error.message}: ${file}`,
            'compare the command with the other admins, or begin with a new file',
          );
        });
  const signed = [...others, own];
  // Before they are sent: after a lost answer the same signatures are sent again, and the operation is still one.
  writeWholeFile(file, `${signed.join('\n')}\n`, { isReplacing: true, mode: 0o644 });
  const outcome = await context.progress('Sending', client.submitOperations(signed, { signal }));
  context.output.result(
    { op: name, ...args, file, ...outcome },
    outcome.isDone
      ? rows
      : [
          ['waiting', `${outcome.have} of ${outcome.k} signatures`],
          ['next', `give ${file} to another admin, who runs the same command with it`],
        ],
  );
}

function readSignatures(file: string): readonly string[] {
  const lines = readTextFile(file, mostFileBytes, 'the signatures').split('\n').filter(Boolean);
  if (lines.length === 0 || lines.some((line) => signerOf(line) === undefined)) {
    throw usage(`Cannot use ${file}: it does not hold signed operations`, 'name another file, or a new one');
  }
  return lines;
}

/** @returns undefined for what is not a signed operation */
function signerOf(jws: string): string | undefined {
  try {
    return readOperation(jws).jws.header.kid;
  } catch {
    return undefined;
  }
}
