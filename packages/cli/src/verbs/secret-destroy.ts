/**
 * `letterlock secret destroy`: deletes one version with all its key slots.
 * It must never choose the version by itself.
 * @module
 */
import { connect } from '../connect.ts';
import { required } from '../people.ts';
import { describeState, receiptFile } from '../receipts.ts';
import { explainSecretRefusal } from '../refusals.ts';
import { checkSecretPath, parseVersion } from '../secret-options.ts';
import { defineVerb } from '../verb.ts';

const options = { ver: { flags: '--ver <number>', help: 'the version' } } as const;

export const verb = defineVerb({
  description:
    'For holders of the verb destroy. The ciphertext and every reader’s key slot are deleted; nobody can undo it. Its number is ' +
    'not used again, and other versions stay.',
  arguments: { '<path>': 'path of the secret' },
  options,
  examples: [{ command: 'letterlock secret destroy team-a/db/password --ver 3', does: 'destroy version 3 for ever' }],
  async run(context, { arguments: [given = ''], options: chosen }) {
    const path = checkSecretPath(given);
    const ver = parseVersion(required(chosen.ver, '--ver', 'the version, from "letterlock secret versions"'));
    using connected = await connect(context);
    const { signal } = context;
    const receipt = await context
      .progress('Destroying', connected.client.destroySecret(path, ver, { signal }))
      .catch((error: unknown) => {
        throw explainSecretRefusal(context, path, error);
      });
    const proof = context.output.isJson ? await receiptFile(connected, receipt, signal) : undefined;
    context.output.result({ path, ver, state: receipt.st, at: receipt.at, ...proof }, [
      ['state', describeState(receipt)],
      ['path', path],
      ['version', String(ver)],
    ]);
  },
});
