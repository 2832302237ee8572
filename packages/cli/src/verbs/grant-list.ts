/**
 * `letterlock grant list`: the grants of the service, for admins.
 * It must never shorten an id: grants are compared by eye.
 * @module
 */
import { connect } from '../connect.ts';
import { nameAndId, resolveGrantee } from '../people.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  options: { who: { flags: '--who <name>', help: 'only those of an id, a pinned name, or a workload' } },
  examples: [
    { command: 'letterlock grant list --key admin.key', does: 'list all' },
    { command: 'letterlock grant list --who alice --key admin.key -o json', does: 'those of alice, for a script' },
  ],
  async run(context, { options }) {
    const who = options.who === undefined ? undefined : resolveGrantee(context, options.who);
    using connected = await connect(context);
    const grants = await context.progress('Listing', connected.client.grants({ signal: context.signal }));
    const chosen = grants.filter((grant) => who === undefined || grant.who === who).map((grant) => ({ ...grant }));
    context.output.list('grants', chosen, ['PATH', 'VERBS', 'UNTIL', 'WHO'], (grant) => [
      grant.path,
      grant.verbs.join(','),
      grant.until === undefined ? 'for ever' : formatTime(grant.until),
      nameAndId(context, grant.who),
    ]);
  },
});
