/**
 * `letterlock quorum peer-unseal`: admins say together whether replicas unseal each other.
 * It must never be decided by one of several.
 * @module
 */
import { peerUnsealModes } from '@letterlock/protocol';
import { usage } from '../exit-status.ts';
import { required } from '../people.ts';
import { decideTogether, quorumOptions } from '../quorum-operation.ts';
import { parseDuration } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'With "off" every restarted replica waits for admins. The setting of the configuration counts at initialisation only. As many admins as the threshold says run the same command, one after the other, with the same file.',
  arguments: { '<mode>': peerUnsealModes.join(' or ') },
  options: quorumOptions,
  examples: [
    {
      command: 'letterlock quorum peer-unseal off --file off.signed --key alice.key',
      does: 'sign first; then bob runs it with the file that alice gives him',
    },
  ],
  async run(context, { arguments: [given = ''], options }) {
    const mode = peerUnsealModes.find((known) => known === given);
    if (mode === undefined)
      throw usage('Cannot set peer unseal: the mode is not known', `known are: ${peerUnsealModes.join(', ')}`);
    await decideTogether(context, {
      name: 'peer_unseal.set',
      args: { mode },
      file: required(options.file, '--file', 'where the signatures are kept'),
      expiresInSeconds: parseDuration(options.for ?? '24h', '--for'),
      rows: [['peer unseal', mode]],
    });
  },
});
