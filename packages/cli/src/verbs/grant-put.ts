/**
 * `letterlock grant put`: gives verbs on a path and all below it.
 * It must never guess a verb or a path.
 * @module
 */
import { isSecretPath, verbs, type Grant, type Verb } from '@letterlock/protocol';
import { connect } from '../connect.ts';
import { usage } from '../exit-status.ts';
import { finish } from '../operations.ts';
import { required, resolveGrantee } from '../people.ts';
import { formatTime, parseDuration } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description: `Verbs are ${verbs.join(', ')}. To open a wrap nobody needs a grant: being its recipient is the right. A grant replaces the one for the same path.`,
  options: {
    who: {
      flags: '--who <name>',
      help: 'an id, a pinned name, or spiffe://<trust domain>/ns/<namespace>/sa/<account>',
    },
    verbs: { flags: '--verbs <verbs>', help: 'separated by commas' },
    path: { flags: '--path <path>', help: 'the path, which covers itself and what is below it' },
    for: { flags: '--for <duration>', help: 'how long it lasts, such as 90d; default for ever' },
  },
  examples: [
    {
      command: 'letterlock grant put --who alice --verbs wrap --path team-a --key admin.key',
      does: 'let alice wrap below team-a',
    },
    {
      command: 'letterlock grant put --who ci --verbs wrap,destroy --path team-a/db --for 30d --key admin.key',
      does: 'for a month',
    },
  ],
  async run(context, { options }) {
    const who = resolveGrantee(context, required(options.who, '--who', 'an id, a pinned name or a workload'));
    const path = checkPath(required(options.path, '--path', 'a path such as team-a/db'));
    const given = required(options.verbs, '--verbs', `some of ${verbs.join(', ')}`)
      .split(',')
      .map((word) => word.trim());
    if (!given.every((word): word is Verb => verbs.some((known) => known === word))) {
      throw usage('Cannot grant: a verb is not known', `known are: ${verbs.join(', ')}`);
    }
    const until = options.for === undefined ? undefined : context.now() + parseDuration(options.for, '--for');
    const grant: Grant = { who, verbs: given, path, ...(until === undefined ? {} : { until }) };
    using connected = await connect(context);
    const outcome = await context.progress(
      'Granting',
      connected.client.operate('grant.put', grant, { signal: context.signal }),
    );
    finish(context, outcome, { ...grant }, [
      ['granted', given.join(', ')],
      ['on', `${path} and below`],
      ['to', who],
      ['until', until === undefined ? 'for ever' : formatTime(until)],
    ]);
  },
});

function checkPath(path: string): string {
  if (!isSecretPath(path))
    throw usage('Cannot grant: --path is not a path', 'it has 1 to 16 segments of a-z 0-9 . _ -');
  return path;
}
