/**
 * `letterlock key show`: the public side of a key file.
 * It must never print anything of the private side.
 * @module
 */
import { identityOf } from '@letterlock/client';
import { publicOfOpening } from '@letterlock/crypto';
import { readIdentity } from '../connect.ts';
import { usage } from '../exit-status.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'Give others the id: it is what they wrap to. --keyset prints the signed statement of both public keys, ' +
    'which a server configuration takes under "identities".',
  options: {
    keyset: { flags: '--keyset', help: 'print only the keyset' },
    name: { flags: '--name <name>', help: 'name in the keyset, for display' },
    seq: { flags: '--seq <number>', help: 'number of the keyset; default 1, higher after each rotation' },
  },
  examples: [
    { command: 'letterlock key show --key alice.key', does: 'show id and public keys' },
    { command: 'letterlock key show --key alice.key --quiet', does: 'print the id only' },
    { command: 'letterlock key show --key alice.key --keyset --name alice', does: 'print a keyset' },
  ],
  async run(context, { options }) {
    const identity = await readIdentity(context);
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
    const { keyPath = '' } = await context.settings();
    const receiving = publicOfOpening(current);
    context.output.result(
      {
        id: identity.id,
        file: keyPath,
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
        ['file', keyPath],
        ['signs with', `${identity.signingKey.kind} (${identity.signingKey.algorithm})`],
        ['receives with', `${receiving.kind} ${receiving.thumbprint}`],
        ...(older.length === 0 ? [] : ([['older keys', String(older.length)]] as const)),
      ],
    );
  },
});
