/**
 * `letterlock explain`: what the service would decide, and why, for admins.
 * It must never decide anything itself: the answer is the service's.
 * @module
 */
import { verbs, type Verb } from '@letterlock/protocol';
import { connect } from '../connect.ts';
import { usage } from '../exit-status.ts';
import { required, resolveGrantee } from '../people.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  options: {
    who: { flags: '--who <name>', help: 'an id, a pinned name, or a workload' },
    verb: { flags: '--verb <verb>', help: verbs.join(', ') },
    path: { flags: '--path <path>', help: 'the path' },
  },
  examples: [
    {
      command: 'letterlock explain --who alice --verb wrap --path team-a/db --key admin.key',
      does: 'may alice wrap there?',
    },
  ],
  async run(context, { options }) {
    const who = resolveGrantee(context, required(options.who, '--who', 'an id, a pinned name or a workload'));
    const verbGiven = required(options.verb, '--verb', `one of ${verbs.join(', ')}`);
    const verbAsked = verbs.find((known): known is Verb => known === verbGiven);
    if (verbAsked === undefined) throw usage('Cannot explain: the verb is not known', `known are: ${verbs.join(', ')}`);
    const path = required(options.path, '--path', 'a path such as team-a/db');
    using connected = await connect(context);
    const { allowed, reason } = await context.progress(
      'Asking',
      connected.client.explain({ who, verb: verbAsked, path }, { signal: context.signal }),
    );
    context.output.result({ allowed, reason, who, verb: verbAsked, path }, [
      ['', allowed ? 'allowed' : 'denied'],
      ['', reason],
    ]);
  },
});
