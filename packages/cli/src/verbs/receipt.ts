/**
 * `letterlock receipt`: verifies a receipt without the service.
 * It must never accept a receipt whose key is not the one of the fingerprint.
 * @module
 */
import { importVerifyingKey, verifyReceipt, type VerifyingKey } from '@letterlock/crypto';
import { isProblemError } from '@letterlock/protocol';
import { expectedFingerprint } from '../connect.ts';
import { CommandError, usage } from '../exit-status.ts';
import { readStream, readTextFile } from '../files/read-file.ts';
import { describeState, type ReceiptFile } from '../receipts.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

const limitBytes = 65_536;

export const verb = defineVerb({
  description:
    'Takes a file that wrap or lookup wrote with --receipt, or their JSON. The fingerprint is that of --trust, or the pinned one. ' +
    'Exit status 8 if it does not verify.',
  arguments: { '<file>': 'the receipt; - for standard input' },
  examples: [
    {
      command: 'letterlock receipt db.receipt --trust KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI',
      does: 'verify against a fingerprint',
    },
    {
      command: 'letterlock lookup iTM3E3-mXIFyJ2MKOjYShQ -o json | letterlock receipt -',
      does: 'verify what lookup printed',
    },
  ],
  async run(context, { arguments: [path = '-'] }) {
    const text =
      path === '-'
        ? new TextDecoder().decode(await readStream(context.input, limitBytes, 'the receipt'))
        : readTextFile(path, limitBytes, 'the receipt');
    const { receipt, instanceKey } = parseReceiptFile(text);
    const fingerprint = await expectedFingerprint(context);
    const key = importKey(instanceKey);
    if (key.thumbprint !== fingerprint) {
      throw new CommandError(
        'integrity',
        `Cannot accept the receipt: ${key.thumbprint} signed it, expected was ${fingerprint}`,
        'ask who runs the service which fingerprint is right',
      );
    }
    const claims = verify(receipt, key);
    context.output.result(
      {
        isValid: true,
        id: claims.id,
        state: claims.st,
        at: claims.at,
        revision: claims.rev,
        envelopeHash: claims.eh,
        fingerprint,
      },
      [
        ['receipt', 'valid'],
        ['state', describeState(claims)],
        ['id', claims.id],
        ['since', formatTime(claims.at)],
        ['envelope', claims.eh],
        ['signed by', fingerprint],
      ],
    );
  },
});

function parseReceiptFile(text: string): ReceiptFile {
  try {
    const { receipt, instanceKey } = JSON.parse(text) as Partial<ReceiptFile>;
    if (typeof receipt === 'string' && typeof instanceKey === 'object' && instanceKey !== null)
      return { receipt, instanceKey };
  } catch {
    // Not JSON: the same answer as JSON of another form.
  }
  throw usage(
    'Cannot read the receipt: it is not a JSON object with receipt and instanceKey',
    'write it with "letterlock lookup ID --receipt FILE"',
  );
}

function importKey(jwk: ReceiptFile['instanceKey']): VerifyingKey {
  try {
    return importVerifyingKey(jwk);
  } catch (error) {
    throw asIntegrity('its key cannot be used', error);
  }
}

function verify(receipt: string, key: VerifyingKey): ReturnType<typeof verifyReceipt> {
  try {
    return verifyReceipt(receipt, key);
  } catch (error) {
    throw asIntegrity('its signature is not valid', error);
  }
}

function asIntegrity(why: string, error: unknown): unknown {
  return isProblemError(error)
    ? new CommandError('integrity', `Cannot accept the receipt: ${why}`, 'it proves nothing', error)
    : error;
}
