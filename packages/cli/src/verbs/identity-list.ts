/**
 * `letterlock identity list`: the identities that this machine knows.
 * It must never claim to list the identities of the service: there is no such directory.
 * @module
 */
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description: 'Lists known-identities.json: the service has no directory of names, so a name means what you pinned.',
  examples: [{ command: 'letterlock identity list', does: 'list names and ids' }],
  async run(context) {
    const identities = Object.entries(context.knownIdentities.names())
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, id]) => {
        const seen = context.knownIdentities.seen(id);
        return { name, id, seq: seen?.seq, callsItself: seen?.name };
      });
    context.output.list('identities', identities, ['NAME', 'ID', 'KEYSET', 'CALLS ITSELF'], (identity) => [
      identity.name,
      identity.id,
      String(identity.seq ?? '-'),
      identity.callsItself ?? '-',
    ]);
    if (identities.length === 0)
      context.output.note('No name is pinned yet: "letterlock identity show ID --pin NAME".');
  },
});
