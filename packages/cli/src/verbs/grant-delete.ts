/**
 * `letterlock grant delete`: takes a grant back.
 * It must never touch a grant of another path.
 * @module
 */
import { connect } from '../connect.ts';
import { finish } from '../operations.ts';
import { required, resolveGrantee } from '../people.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  options: {
    who: { flags: '--who <name>', help: 'an id, a pinned name, or a workload' },
    path: { flags: '--path <path>', help: 'exactly the path of the grant' },
  },
  examples: [{ command: 'letterlock grant delete --who alice --path team-a --key admin.key', does: 'take it back' }],
  async run(context, { options }) {
    const who = resolveGrantee(context, required(options.who, '--who', 'an id, a pinned name or a workload'));
    const path = required(options.path, '--path', 'the path of the grant');
    using connected = await connect(context);
    const outcome = await context.progress(
      'Deleting',
      connected.client.operate('grant.delete', { who, path }, { signal: context.signal }),
    );
    finish(context, outcome, { who, path }, [
      ['deleted', path],
      ['of', who],
    ]);
  },
});
