/**
 * `letterlock identity revoke`: an admin withdraws an identity.
 * It must never be done by a name that is not pinned here.
 * @module
 */
import { connect } from '../connect.ts';
import { finish } from '../operations.ts';
import { nameAndId } from '../people.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'For stolen or lost keys. The id can never be registered again, and what was wrapped for it cannot be opened any more.',
  arguments: { '<id>': 'an id or a pinned name' },
  examples: [{ command: 'letterlock identity revoke bob --key admin.key', does: 'withdraw bob' }],
  async run(context, { arguments: [given = ''] }) {
    const id = context.knownIdentities.resolve(given);
    using connected = await connect(context);
    const outcome = await context.progress(
      'Revoking',
      connected.client.operate('identity.revoke', { id }, { signal: context.signal }),
    );
    finish(context, outcome, { id }, [['revoked', nameAndId(context, id)]]);
  },
});
