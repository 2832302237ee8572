/**
 * `letterlock quorum images`: admins say together which images of the server another replica may unseal.
 * It must never add to the list: what is named is the whole of it.
 * @module
 */
import { isImageDigest } from '@letterlock/protocol';
import { usage } from '../exit-status.ts';
import { decideTogether, quorumOptions } from '../quorum-operation.ts';
import { required } from '../people.ts';
import { parseDuration } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'For an upgrade: a replica whose image is not listed stays sealed until admins unseal it by hand. Name the old and the new digest before the upgrade, the new one alone after it. As many admins as the threshold says run the same command, one after the other, with the same file.',
  arguments: { '<digest...>': 'all that shall count: sha256: and 64 hexadecimal digits' },
  options: quorumOptions,
  examples: [
    {
      command: `letterlock quorum images sha256:${'0a'.repeat(32)} sha256:${'1b'.repeat(32)} --file images.signed --key alice.key`,
      does: 'sign first; then bob runs it with the file that alice gives him',
    },
  ],
  async run(context, { arguments: digests, options }) {
    const images = [...new Set(digests)].toSorted();
    if (!images.every((digest) => isImageDigest(digest))) {
      throw usage('Cannot set images: one is not a digest', 'a digest is sha256: and 64 hexadecimal digits');
    }
    await decideTogether(context, {
      name: 'images.set',
      args: { images },
      file: required(options.file, '--file', 'where the signatures are kept'),
      expiresInSeconds: parseDuration(options.for ?? '24h', '--for'),
      rows: images.map((image) => ['unsealed by peers', image]),
    });
  },
});
