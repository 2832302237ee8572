/**
 * `letterlock lookup`: the signed state of a wrap, in words.
 * It must never name an opener whose signature it did not verify without saying so.
 * @module
 */
import type { ReaderProof, WrapStatus } from '@letterlock/client';
import { connect } from '../connect.ts';
import { openerOf, type Opener } from '../opener.ts';
import type { Context } from '../context.ts';
import { checkWrapId, nameAndId } from '../people.ts';
import { describeState, receiptFile, writeReceipt } from '../receipts.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'For the writer and the recipient of a wrap, until its tombstone is purged. The state is signed by the instance key; ' +
    "the opening is shown with the reader's own signed request, which the service cannot invent.",
  arguments: { '<id>': 'the wrap' },
  options: {
    receipt: { flags: '--receipt <file>', help: 'also write the receipt to a file' },
    force: { flags: '--force', help: 'replace the file' },
  },
  examples: [
    { command: 'letterlock lookup iTM3E3-mXIFyJ2MKOjYShQ', does: 'was it opened, when, and by which key?' },
    { command: 'letterlock lookup iTM3E3-mXIFyJ2MKOjYShQ -o json', does: 'the same with the receipt, for a script' },
  ],
  async run(context, { arguments: [given = ''], options }) {
    const id = checkWrapId(given);
    using connected = await connect(context);
    const { signal } = context;
    const status = await context.progress('Looking up', connected.client.status(id, { signal }));
    const opener = await openerOf(context, connected, id, status.opening);
    const acknowledgement =
      status.acknowledgement === undefined
        ? undefined
        : await openerOf(context, connected, id, status.acknowledgement, 'ack');
    const proof = await receiptFile(connected, status.receipt, signal);
    if (options.receipt !== undefined) writeReceipt(options.receipt, proof, options.force);
    const { st, at } = status.receipt;
    context.output.result(
      {
        id,
        state: st,
        at,
        openedBy: opener?.id,
        opening: opener?.standing,
        acknowledgement: acknowledgement?.standing,
        ...proof,
      },
      rowsOf(context, id, status, opener, acknowledgement),
    );
  },
});

const standings: Readonly<Record<ReaderProof['standing'], string>> = {
  verified: "proved by the reader's signature",
  invalid: 'NOT proved: the signature of the reader is not valid',
  unchecked: 'not checked: the key of the reader is not known any more',
  mtls: 'by mTLS: only the word of the service',
};

function rowsOf(
  context: Context,
  id: string,
  { receipt }: WrapStatus,
  opener: Opener | undefined,
  acknowledgement: Opener | undefined,
): readonly (readonly [string, string])[] {
  const who = opener?.id === undefined ? undefined : `key ${nameAndId(context, opener.id)}`;
  return [
    ['state', describeState(receipt, who)],
    ['id', id],
    ['since', formatTime(receipt.at)],
    ...(opener === undefined ? [] : ([['opening', standings[opener.standing]]] as const)),
    ...(acknowledgement === undefined ? [] : ([['arrival', standings[acknowledgement.standing]]] as const)),
    ['receipt', 'signed by the pinned instance key'],
  ];
}
