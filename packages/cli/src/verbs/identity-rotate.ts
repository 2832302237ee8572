/**
 * `letterlock identity rotate`: a new key to receive with; the older ones go on opening what they were sealed to.
 * It must never register a key that is not on the disk, nor drop an older one.
 * @module
 */
import { rotateIdentity } from '@letterlock/client';
import { isProblemError } from '@letterlock/protocol';
import { connect } from '../connect.ts';
import { writeKeyFile } from '../files/key-file.ts';
import { noticeKeyset } from '../people.ts';
import { requireKeyFile } from '../read-keys.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description: 'Your id stays. The new key is written to the key file before the service learns of it.',
  examples: [{ command: 'letterlock identity rotate --key alice.key', does: 'replace the receiving key' }],
  async run(context) {
    const keyPath = requireKeyFile((await context.settings()).keyPath, 'rotate') ?? '';
    using connected = await connect(context);
    const { client, identity } = connected;
    const { signal } = context;
    const registered = await context.progress('Fetching your keyset', client.identity(identity.id, { signal }));
    const rotated = rotateIdentity({ ...identity, keyset: registered.jws }, { iat: context.now() });
    writeKeyFile(keyPath, rotated, true);
    const { id, seq } = await context
      .progress('Registering', client.register({ keyset: rotated.keyset, signal }))
      .catch((error: unknown) => {
        // A refusal is certain: nobody will ever seal to the new key. After a lost connection somebody might.
        if (isProblemError(error)) writeKeyFile(keyPath, identity, true);
        throw error;
      });
    noticeKeyset(context, await client.identity(id, { signal }));
    const { thumbprint } = rotated.openingKeys[0];
    context.output.result({ id, seq, receivingKey: thumbprint, file: keyPath }, [
      ['id', id],
      ['keyset', `number ${seq}`],
      ['receives with', thumbprint],
      ['file', keyPath],
    ]);
  },
});
