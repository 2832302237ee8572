/**
 * `letterlock identity admit`: an admin lets an id register itself.
 * It must never register a key for somebody: only the key's owner can sign its keyset.
 * @module
 */
import { connect } from '../connect.ts';
import { usage } from '../exit-status.ts';
import { checkTarget, writeWholeFile } from '../files/write-file.ts';
import { isIdentityId } from '../state/known-identities.ts';
import { parseDuration } from '../time-text.ts';
import { defineVerb } from '../verb.ts';
import { finish } from '../operations.ts';

export const verb = defineVerb({
  description:
    'Compare the id with its owner in another way first. With --out the signed permission goes to a file that you give to the owner.',
  arguments: { '<id>': 'the identity' },
  options: {
    out: { flags: '--out <file>', help: 'write the permission to a file instead of sending it to the service' },
    for: { flags: '--for <duration>', help: 'with --out: how long it can be used, at most 7d; default 24h' },
    force: { flags: '--force', help: 'replace the file' },
  },
  examples: [
    {
      command: 'letterlock identity admit KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI --key admin.key',
      does: 'admit this id',
    },
    {
      command:
        'letterlock identity admit KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI --key admin.key --out alice.admit',
      does: 'write a permission to hand over',
    },
  ],
  async run(context, { arguments: [id = ''], options }) {
    if (!isIdentityId(id))
      throw usage(
        'Cannot admit: an id has 43 characters of base64url',
        'its owner reads it from "letterlock key show"',
      );
    const expiresInSeconds = parseDuration(options.for ?? '24h', '--for');
    if (options.out !== undefined) checkTarget(options.out, options.force);
    using connected = await connect(context);
    const { signal } = context;
    if (options.out !== undefined) {
      const signed = await connected.client.signOperation('identity.put', { id }, { expiresInSeconds, signal });
      writeWholeFile(options.out, `${signed}\n`, { isReplacing: options.force, mode: 0o644 });
      context.output.result({ id, file: options.out }, [['written', options.out]]);
      return;
    }
    const outcome = await context.progress('Admitting', connected.client.operate('identity.put', { id }, { signal }));
    finish(context, outcome, { id }, [['admitted', id]]);
  },
});
