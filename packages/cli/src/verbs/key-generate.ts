/**
 * `letterlock key generate`: a new identity in a new key file.
 * It must never replace a key unasked: what was sealed to it would be lost.
 * @module
 */
import { createIdentity, type IdentityOptions } from '@letterlock/client';
import { usage } from '../exit-status.ts';
import { writeKeyFile } from '../files/key-file.ts';
import { checkTarget, makePrivateFolder } from '../files/write-file.ts';
import { requireKeyFile } from '../read-keys.ts';
import { dirname, join } from 'node:path';
import { defineVerb } from '../verb.ts';

/** What each kind signs and receives with. */
const kinds: Readonly<Record<string, IdentityOptions>> = {
  'P-256': { signingKind: 'P-256', openingKind: 'P-256' },
  'P-384': { signingKind: 'P-384', openingKind: 'P-384' },
  Ed25519: { signingKind: 'Ed25519', openingKind: 'X25519' },
  RSA: { signingKind: 'RSA', openingKind: 'RSA' },
};

export const verb = defineVerb({
  description:
    'Makes one key that signs and one that receives, as unencrypted PKCS#8 in a file that only you can read. ' +
    'The id of the signing key is your identity.',
  options: {
    out: {
      flags: '--out <file>',
      help: 'where to write; default: your key file, or default.key in the configuration folder',
    },
    kind: { flags: '--kind <kind>', help: `${Object.keys(kinds).join(', ')}; default P-256` },
    single: { flags: '--single', help: 'one key for both, as smart cards have; not for Ed25519' },
    force: { flags: '--force', help: 'replace the file; what was wrapped for the old key cannot be opened any more' },
  },
  examples: [
    { command: 'letterlock key generate --out alice.key', does: 'make a key' },
    { command: 'letterlock key generate --out ci.key --kind Ed25519', does: 'make one of another kind' },
  ],
  async run(context, { options }) {
    const kind = options.kind ?? 'P-256';
    const of = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
    if (of === undefined)
      throw usage('Cannot make a key: --kind is not known', `known are: ${Object.keys(kinds).join(', ')}`);
    if (options.single && kind === 'Ed25519')
      throw usage('Cannot make a key: an Ed25519 key cannot receive', 'leave --single out');
    const ownPath = requireKeyFile(options.out ?? (await context.settings()).keyPath, 'make a key');
    const path = ownPath ?? join(context.folders.config, 'default.key');
    if (ownPath === undefined) makePrivateFolder(dirname(path));
    checkTarget(path, options.force);
    const identity = createIdentity({ ...of, isSingleKey: options.single });
    writeKeyFile(path, identity, options.force);
    context.output.result({ id: identity.id, file: path, kind, isSingleKey: options.single }, [
      ['id', identity.id],
      ['file', path],
      ['kind', kind],
    ]);
    context.output.note('Nobody can make this key again: keep a copy where only you can read it.');
  },
});
