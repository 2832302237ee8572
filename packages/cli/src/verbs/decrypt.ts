/**
 * `letterlock decrypt`: what curl was answered when it opened a wrap, verified and decrypted.
 * It must never output a byte before every check of a reader has passed.
 * @module
 */
import { decodeContent, hash43, openDelivery } from '@letterlock/crypto';
import {
  deliveryResponse,
  isProblemError,
  limits,
  openRequest,
  parseCanonical,
  type Reader,
} from '@letterlock/protocol';
import { connect } from '../connect.ts';
import { deliveryOf } from '../delivery.ts';
import { CommandError, usage } from '../exit-status.ts';
import { readRegularFile } from '../files/read-file.ts';
import { checkWrapId, nameAndId, required } from '../people.ts';
import { defineVerb } from '../verb.ts';

const answerBytes = 2 * limits.bodyBytes;

export const verb = defineVerb({
  description:
    'For opens by mTLS: the answer is encrypted to the receiving key that you registered. Needs the body that was sent, ' +
    'because the answer names it. Acknowledge afterwards with the same claim id.',
  arguments: { '<id>': 'the wrap' },
  options: {
    answer: { flags: '--answer <file>', help: 'the answer of the service' },
    body: { flags: '--body <file>', help: 'the body of the request, byte for byte' },
    out: { flags: '--out <file>', help: 'write to a file, mode 0600; default: standard output' },
    force: { flags: '--force', help: 'replace the file' },
    raw: { flags: '--raw', help: 'print to a terminal without escaping control characters' },
  },
  examples: [
    {
      command:
        'letterlock decrypt iTM3E3-mXIFyJ2MKOjYShQ --key me.key --answer answer.json --body claim.json --out db.pem',
      does: 'after: curl --cert me.crt --key me.key --data-binary @claim.json -o answer.json …/v1/wraps/ID/open',
    },
  ],
  async run(context, { arguments: [given = ''], options }) {
    const id = checkWrapId(given);
    const answer = readDocument(
      deliveryResponse,
      required(options.answer, '--answer', 'the answer of the service'),
      answerBytes,
      'the answer',
    );
    const body = readDocument(
      openRequest,
      required(options.body, '--body', 'the body that was sent'),
      limits.bodyBytes,
      'the body',
    );
    const delivery = deliveryOf(context, { ...options, ack: false });
    using connected = await connect(context);
    const { identity, client } = connected;
    const { instanceKey } = await client.state({ signal: context.signal });
    if (instanceKey === undefined) throw new CommandError('sealed', 'Cannot verify: the service is not initialised');
    const opened = await openDelivery({
      answer: answer.document,
      expected: { id, cid: body.document.cid, readerId: identity.id, sentBodyHashes: [hash43(body.bytes)] },
      instanceKey,
      deliveryKey: identity.openingKeys[0],
      encryptionKeys: identity.openingKeys,
    }).catch((error: unknown) => {
      if (!isProblemError(error)) throw error;
      throw new CommandError(
        'integrity',
        `Cannot accept the answer: ${error.message}`,
        'it is not the answer to this request, or not for this key',
        error,
      );
    });
    using whole = opened.content;
    const from = nameAndId(context, opened.writer.thumbprint);
    await delivery.deliver(
      decodeContent(whole.expose()).content,
      `from ${from}; acknowledge it with the same claim id`,
    );
  },
});

function readDocument<T>(
  reader: Reader<T>,
  path: string,
  limitBytes: number,
  what: string,
): { readonly document: T; readonly bytes: Uint8Array } {
  const { bytes } = readRegularFile(path, limitBytes, what);
  try {
    return { document: reader(parseCanonical(bytes), ''), bytes };
  } catch (error) {
    if (!isProblemError(error)) throw error;
    throw usage(`Cannot read ${what}: ${error.message}`, 'give the file exactly as it was sent or received');
  }
}
