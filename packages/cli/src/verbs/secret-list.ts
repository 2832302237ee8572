/**
 * `letterlock secret list`: secrets and folders directly below a path.
 * It must never call a folder empty of which only something cannot be seen.
 * @module
 */
import { connect } from '../connect.ts';
import { checkSecretPath } from '../secret-options.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'Shows what your grants cover with list, read or write, and the folders on the way there. A path that ends with a slash ' +
    'has something below it.',
  arguments: { '[path]': 'where to look; default: the top' },
  examples: [
    { command: 'letterlock secret list', does: 'list what is at the top' },
    { command: 'letterlock secret list team-a/db -o json', does: 'list what is below a path, for a script' },
  ],
  async run(context, { arguments: [given] }) {
    const path = given === undefined ? undefined : checkSecretPath(given);
    using connected = await connect(context);
    const listed = await context.progress('Listing', connected.client.listSecrets({ path, signal: context.signal }));
    const items = listed.map((item) => ({ path: item.ver === undefined ? `${item.path}/` : item.path, ver: item.ver }));
    context.output.list('secrets', items, ['PATH', 'VERSION'], (item) => [item.path, String(item.ver ?? '')]);
  },
});
