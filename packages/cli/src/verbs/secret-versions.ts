/**
 * `letterlock secret versions`: which versions of a secret there are, and what has become of each.
 * It must never shorten the id of a writer: ids are compared by eye.
 * @module
 */
import { connect } from '../connect.ts';
import { nameAndId } from '../people.ts';
import { explainSecretRefusal } from '../refusals.ts';
import { checkSecretPath } from '../secret-options.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

const stateWords = { STORED: 'stored', EXPIRED: 'expired', DESTROYED: 'destroyed' } as const;

export const verb = defineVerb({
  description: 'The newest first. For holders of list, read or write on the path.',
  arguments: { '<path>': 'path of the secret' },
  examples: [
    { command: 'letterlock secret versions team-a/db/password', does: 'list them' },
    { command: 'letterlock secret versions team-a/db/password -o json', does: 'list them for a script' },
  ],
  async run(context, { arguments: [given = ''] }) {
    const path = checkSecretPath(given);
    using connected = await connect(context);
    const versions = await context
      .progress('Listing', connected.client.secretVersions(path, { signal: context.signal }))
      .catch((error: unknown) => {
        throw explainSecretRefusal(context, path, error);
      });
    const items = versions.map(({ ver, st, at, exp, wrt }) => ({ ver, state: st, at, expiresAt: exp, writer: wrt }));
    context.output.list('versions', items, ['VERSION', 'STATE', 'SINCE', 'EXPIRES', 'WRITER'], (item) => [
      String(item.ver),
      stateWords[item.state],
      formatTime(item.at),
      item.expiresAt === undefined ? 'never' : formatTime(item.expiresAt),
      nameAndId(context, item.writer),
    ]);
  },
});
