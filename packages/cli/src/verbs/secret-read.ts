/**
 * `letterlock secret read`: reads a version of a secret and delivers its content.
 * It must never deliver an older version than one that was seen here, unless that version was asked for.
 * @module
 */
import { connect } from '../connect.ts';
import { deliveryOf } from '../delivery.ts';
import { usage } from '../exit-status.ts';
import { nameAndId } from '../people.ts';
import { explainSecretRefusal } from '../refusals.ts';
import { checkSecretPath, parseVersion } from '../secret-options.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

const options = {
  ver: { flags: '--ver <number>', help: 'the version; default: the latest' },
  out: { flags: '--out <file>', help: 'write to a file, mode 0600; default: standard output' },
  force: { flags: '--force', help: 'replace the file' },
  raw: { flags: '--raw', help: 'print to a terminal without escaping control characters' },
  from: { flags: '--from <name>', help: 'accept only this writer: an id, or a name that is pinned here' },
} as const;

export const verb = defineVerb({
  description:
    'You need a grant with the verb read, and the version must be encrypted for your key. The highest version seen is kept ' +
    'here: a service that then shows a lower one as the latest is refused, exit status 8. Each read is recorded by the ' +
    'service before its content leaves. Exit status 5 if the version has expired or was destroyed.',
  arguments: { '<path>': 'path of the secret' },
  options,
  examples: [
    { command: 'letterlock secret read team-a/db/password', does: 'print the latest version' },
    { command: 'letterlock secret read team-a/db/password --ver 3 --out old.txt', does: 'write version 3 to a file' },
  ],
  async run(context, { arguments: [given = ''], options: chosen }) {
    const path = checkSecretPath(given);
    if (context.output.isJson && chosen.out === undefined) {
      throw usage(
        'Cannot read: standard output cannot hold both the content and JSON',
        'write the content to a file with --out',
      );
    }
    const ver = chosen.ver === undefined ? undefined : parseVersion(chosen.ver);
    const writer = chosen.from === undefined ? undefined : context.knownIdentities.resolve(chosen.from);
    // Reading can be repeated, so nothing is asked and nothing acknowledged.
    const delivery = deliveryOf(context, { ...chosen, ack: false });
    using connected = await connect(context);
    const isWriterAllowed = writer === undefined ? undefined : (writerId: string) => writerId === writer;
    using read = await context
      .progress('Reading', connected.client.readSecret(path, { ver, isWriterAllowed, signal: context.signal }))
      .catch((error: unknown) => {
        throw explainSecretRefusal(context, path, error);
      });
    await delivery.deliver(read.content.expose(), undefined);
    if (delivery.file === undefined) return;
    const { header, name } = read;
    context.output.result({ path, ver: read.ver, file: delivery.file, from: header.wrt, name, expiresAt: header.exp }, [
      ['file', delivery.file],
      ['version', String(read.ver)],
      ['from', nameAndId(context, header.wrt)],
      ...(name === undefined ? [] : ([['name', name]] as const)),
      ['expires', header.exp === undefined ? 'never' : formatTime(header.exp)],
    ]);
  },
});
