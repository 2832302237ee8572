/**
 * `letterlock init admin`: key and certificate of somebody who will hold a share.
 * It must never leave a certificate without its key.
 * @module
 */
import { usage } from '../exit-status.ts';
import { isAdminName, makeAdmin } from '../files/make-admin.ts';
import { required } from '../people.ts';
import { defineVerb } from '../verb.ts';

const kinds = ['P-256', 'P-384', 'RSA'] as const;

export const verb = defineVerb({
  description:
    'The server is given the certificates only; whoever holds one of the keys can unseal it, administer it, and read nothing. ' +
    'Make each key where its holder keeps it.',
  options: {
    name: { flags: '--name <name>', help: 'name of the admin; also of the files NAME.key and NAME.crt' },
    folder: { flags: '--folder <folder>', help: 'where to write; default: here' },
    kind: { flags: '--kind <kind>', help: `${kinds.join(', ')}; default P-256` },
    force: { flags: '--force', help: 'replace the files' },
  },
  examples: [
    { command: 'letterlock init admin --name alice', does: 'write alice.key and alice.crt' },
    {
      command:
        'letterlock server --trust-domain demo.example --store memory --init-certificates alice.crt,bob.crt,carol.crt',
      does: 'start a service that any of the three unseals',
    },
  ],
  async run(context, { options }) {
    const name = required(options.name, '--name', 'the name of the admin');
    if (!isAdminName(name)) throw usage('Cannot use --name: it becomes a file name', 'use letters, digits and . _ - @');
    const kind = kinds.find((known) => known === (options.kind ?? 'P-256'));
    if (kind === undefined) throw usage('Cannot make a key: --kind is not known', `known are: ${kinds.join(', ')}`);
    const { id, keyFile, certificateFile } = makeAdmin({
      name,
      kind,
      folder: options.folder ?? '.',
      isReplacing: options.force,
      nowSeconds: context.now(),
    });
    context.output.result({ id, key: keyFile, certificate: certificateFile }, [
      ['id', id],
      ['key', `${keyFile} (keep it; it unseals)`],
      ['certificate', `${certificateFile} (give it to the server)`],
    ]);
  },
});
