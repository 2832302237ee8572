/**
 * `letterlock secret write`: encrypts the next version of a secret for its readers and stores it.
 * It must never take the secret from the command line.
 * @module
 */
import { basename } from 'node:path';
import { connect } from '../connect.ts';
import { nameAndId } from '../people.ts';
import { usage } from '../exit-status.ts';
import { readSecret } from '../read-secret.ts';
import { explainSecretRefusal } from '../refusals.ts';
import { checkSecretPath, fetchReaders, parseVersion } from '../secret-options.ts';
import { writeToBinding } from '../write-to-binding.ts';
import { formatTime, parseDuration } from '../time-text.ts';
import { defineVerb, type OptionValues } from '../verb.ts';

const options = {
  to: { flags: '--to <name...>', help: 'readers: ids, or names that are pinned here; default: only you' },
  file: { flags: '--file <file>', help: 'the secret; default: standard input, asked for at a terminal' },
  ver: { flags: '--ver <number>', help: 'the version to write, refused if it is not the highest; default: the next' },
  expires: { flags: '--expires <duration>', help: 'how long it can be read, such as 30d; default: for ever' },
  name: { flags: '--name <name>', help: 'file name, encrypted with the content; default: that of --file' },
  type: { flags: '--type <type>', help: 'media type, encrypted with the content' },
  binding: {
    flags: '--binding <namespace/name>',
    help: 'write for the pods of a SecretBinding, key by key; <path> is then the name of its secret',
  },
  generate: { flags: '--generate <key:length...>', help: 'with --binding: values of random letters and digits' },
  fromFile: { flags: '--from-file <key=file...>', help: 'with --binding: values from files; "-" is standard input' },
  fromEnvFile: { flags: '--from-env-file <file>', help: 'with --binding: values from lines KEY=VALUE' },
  writerToken: {
    flags: '--writer-token <file>',
    help: 'with --binding, in a pod without an agent: its token, instead of a key',
  },
} as const;

export const verb = defineVerb({
  description:
    'The secret is encrypted here, once for each reader; the service never sees it. A reader also needs a grant with the ' +
    'verb read. A writer who is not among the readers cannot read it back. With --ver two writers cannot overwrite each ' +
    'other unseen: the second is refused. With --binding it is encrypted to the binding’s key, which the service has signed, ' +
    'and the binding says who may write: a key that it lists needs no grant and no admin.',
  arguments: { '<path>': 'path that your grant covers with the verb write, such as team-a/db/password' },
  options,
  examples: [
    {
      command: 'letterlock secret write team-a/db/password --to alice bob --file password.txt',
      does: 'write the next version for two readers',
    },
    {
      command: 'pass show db | letterlock secret write team-a/db/password --to bob --ver 4 --quiet',
      does: 'write version 4 or nothing; print only the version',
    },
    {
      command: 'letterlock secret write db --binding shop/orders-db --from-env-file db.env --generate password:32',
      does: 'make a password for the pods of a binding, and write it with what a file has',
    },
  ],
  async run(context, { arguments: [given = ''], options: chosen }) {
    if (chosen.binding !== undefined) {
      refuseTogether(chosen, ofPaths, '--binding');
      const { binding, fromEnvFile, writerToken } = chosen;
      const ver = chosen.ver === undefined ? undefined : parseVersion(chosen.ver);
      // Absent, not empty, when the options are not given.
      const [generate, fromFile] = [listOf(chosen.generate), listOf(chosen.fromFile)];
      return writeToBinding(context, { binding, secret: given, ver, generate, fromFile, fromEnvFile, writerToken });
    }
    refuseTogether(chosen, ofBindings, 'a path');
    const path = checkSecretPath(given);
    const { file, type } = chosen;
    const name = chosen.name ?? (file === undefined || file === '-' ? undefined : basename(file));
    const about = {
      path,
      ver: chosen.ver === undefined ? undefined : parseVersion(chosen.ver),
      expiresInSeconds: chosen.expires === undefined ? undefined : parseDuration(chosen.expires, '--expires'),
      name,
      type,
    };
    using connected = await connect(context);
    // Absent, not empty, when the option is not given.
    const names = (chosen.to as readonly string[] | undefined) ?? [connected.identity.id];
    const to = await fetchReaders(context, connected, names);
    const content = await readSecret(context, file);
    try {
      const { signal } = context;
      const written = await context
        .progress('Storing', connected.client.writeSecret({ ...about, to, content, signal }))
        .catch((error: unknown) => {
          throw explainSecretRefusal(context, path, error);
        });
      const { ver, header, envelopeHash } = written;
      context.output.result(
        { path, ver, to: to.map(({ id }) => id), expiresAt: header.exp, envelopeHash, receipt: written.receipt.jws },
        [
          ['version', String(ver)],
          ['path', path],
          ...to.map(({ id }) => ['for', nameAndId(context, id)] as const),
          ['expires', header.exp === undefined ? 'never' : formatTime(header.exp)],
        ],
      );
    } finally {
      content.fill(0);
    }
  },
});

type Chosen = OptionValues<typeof options>;

/** Options that say nothing about the secret of a binding, and those that speak of nothing else. */
const ofPaths = ['to', 'file', 'expires', 'name', 'type'] as const satisfies readonly (keyof Chosen)[];
const ofBindings = ['generate', 'fromFile', 'fromEnvFile', 'writerToken'] as const satisfies readonly (keyof Chosen)[];

function refuseTogether(chosen: Chosen, others: readonly (keyof Chosen)[], what: string): void {
  const found = others.find((name) => chosen[name] !== undefined);
  if (found === undefined) return;
  const flag = options[found].flags.split(' ')[0] ?? '';
  throw usage(`Cannot write: ${flag} does not go with ${what}`, 'see "letterlock secret write --help"');
}

function listOf(words: readonly string[] | undefined): readonly string[] {
  return words ?? [];
}
