/**
 * `letterlock secret share`: writes the latest version again, for its readers and further ones.
 * It must never let the content touch the disk or the output.
 * @module
 */
import { connect } from '../connect.ts';
import { usage } from '../exit-status.ts';
import { nameAndId } from '../people.ts';
import { explainSecretRefusal } from '../refusals.ts';
import { checkSecretPath, fetchReaders } from '../secret-options.ts';
import { defineVerb } from '../verb.ts';

const options = {
  with: { flags: '--with <name...>', help: 'readers to add: ids, or names that are pinned here' },
} as const;

export const verb = defineVerb({
  description:
    'Only who can read it can share it: the service has no key. It is decrypted and encrypted again here, as the next version, ' +
    'signed by you. You need the verbs read and write. Older versions stay as they were. A reader is taken away by writing ' +
    'a new content without it: what somebody could read before may be known.',
  arguments: { '<path>': 'path of the secret' },
  options,
  examples: [{ command: 'letterlock secret share team-a/db/password --with carol', does: 'let Carol read it too' }],
  async run(context, { arguments: [given = ''], options: chosen }) {
    const path = checkSecretPath(given);
    const names = chosen.with as readonly string[] | undefined;
    if (names === undefined) throw usage('Cannot share: --with is missing', 'give the readers to add');
    using connected = await connect(context);
    const added = await fetchReaders(context, connected, names);
    const { signal } = context;
    const shared = await context
      .progress('Sharing', connected.client.shareSecret(path, { with: added, signal }))
      .catch((error: unknown) => {
        throw explainSecretRefusal(context, path, error);
      });
    const readers = shared.header.rcp.map((entry) => entry.slice('k:'.length));
    context.output.result({ path, ver: shared.ver, to: readers, receipt: shared.receipt.jws }, [
      ['version', String(shared.ver)],
      ['path', path],
      ...readers.map((id) => ['for', nameAndId(context, id)] as const),
    ]);
  },
});
