/**
 * `letterlock revoke`: takes a wrap back before it is opened.
 * It must never say revoked without a receipt that says so.
 * @module
 */
import { connect } from '../connect.ts';
import { checkWrapId } from '../people.ts';
import { explainRefusal } from '../refusals.ts';
import { describeState, receiptFile } from '../receipts.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'For its writer, and for holders of the verb destroy on its path. What was opened cannot be taken back: exit status 5.',
  arguments: { '<id>': 'the wrap' },
  examples: [{ command: 'letterlock revoke iTM3E3-mXIFyJ2MKOjYShQ', does: 'make sure that nobody opens it any more' }],
  async run(context, { arguments: [given = ''] }) {
    const id = checkWrapId(given);
    using connected = await connect(context);
    const { signal } = context;
    const receipt = await context
      .progress('Revoking', connected.client.revoke(id, { signal }))
      .catch((error: unknown) => {
        throw explainRefusal(context, 'revoke', error);
      });
    const proof = context.output.isJson ? await receiptFile(connected, receipt, signal) : undefined;
    context.output.result({ id, state: receipt.st, at: receipt.at, ...proof }, [
      ['state', describeState(receipt)],
      ['id', id],
    ]);
  },
});
