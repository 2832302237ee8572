/**
 * `letterlock key show`: the public side of a key, in a file or on a card.
 * It must never print anything of the private side.
 * @module
 */
import { identityOf, type Identity } from '@letterlock/client';
import { publicOfOpening } from '@letterlock/crypto';
import { readIdentity } from '../connect.ts';
import type { Context } from '../context.ts';
import { usage } from '../exit-status.ts';
import { isCardUri } from '../pkcs11/pkcs11-uri.ts';
import { readKeys } from '../read-keys.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'Give others the id: it is what they wrap to. --keyset prints the signed statement of both public keys, ' +
    'which a server configuration takes under "identities".',
  arguments: { '[key]': 'key file, or pkcs11: URI of a key on a card; default: your key' },
  options: {
    keyset: { flags: '--keyset', help: 'print only the keyset' },
    name: { flags: '--name <name>', help: 'name in the keyset, for display' },
    seq: { flags: '--seq <number>', help: 'number of the keyset; default 1, higher after each rotation' },
  },
  examples: [
    { command: 'letterlock key show --key alice.key', does: 'show id and public keys' },
    {
      command:
        "letterlock key show 'pkcs11:token=alice;object=admin?module-path=/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so'",
      does: 'show the key on a smart card; no PIN is needed',
    },
    { command: 'letterlock key show --key alice.key --quiet', does: 'print the id only' },
    { command: 'letterlock key show --key alice.key --keyset --name alice', does: 'print a keyset' },
  ],
  async run(context, { arguments: [named], options }) {
    const { identity, source } = await keyOf(context, named, { needsPrivate: options.keyset });
    if (options.keyset) {
      const seq = Number(options.seq ?? 1);
      if (!Number.isSafeInteger(seq) || seq < 1) throw usage('Cannot make a keyset: --seq is a number from 1');
      const { keyset = '' } = identityOf(identity.signingKey, identity.openingKeys, {
        seq,
        iat: context.now(),
        ...(options.name === undefined ? {} : { name: options.name }),
      });
      context.output.result({ id: identity.id, keyset }, [['', keyset]]);
      return;
    }
    const [current, ...older] = identity.openingKeys;
    const receiving = publicOfOpening(current);
    context.output.result(
      {
        id: identity.id,
        file: source,
        signing: {
          kind: identity.signingKey.kind,
          algorithm: identity.signingKey.algorithm,
          jwk: { ...identity.signingKey.jwk },
        },
        receiving: {
          kind: receiving.kind,
          algorithm: receiving.algorithm,
          thumbprint: receiving.thumbprint,
          jwk: { ...receiving.jwk },
        },
        olderReceivingKeys: older.map(({ thumbprint }) => thumbprint),
      },
      [
        ['id', identity.id],
        [isCardUri(source) ? 'card' : 'file', source],
        ['signs with', `${identity.signingKey.kind} (${identity.signingKey.algorithm})`],
        ['receives with', `${receiving.kind} ${receiving.thumbprint}`],
        ...(older.length === 0 ? [] : ([['older keys', String(older.length)]] as const)),
      ],
    );
  },
});

async function keyOf(
  context: Context,
  named: string | undefined,
  o: { readonly needsPrivate: boolean },
): Promise<{ readonly identity: Identity; readonly source: string }> {
  if (named === undefined) {
    const { keyPath = '' } = await context.settings();
    return { identity: await readIdentity(context, o), source: keyPath };
  }
  const { signingKey, openingKeys } = await readKeys(context, named, o);
  return { identity: { id: signingKey.thumbprint, signingKey, openingKeys }, source: named };
}
