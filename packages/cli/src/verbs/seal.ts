/**
 * `letterlock seal`: an admin seals the service at once.
 * It must never ask for a confirmation: it is what one does when something is wrong.
 * @module
 */
import { connect } from '../connect.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'The keys leave the memory of the answering replica at once, of every other within about a second; nothing is served until admins unseal.',
  examples: [{ command: 'letterlock seal --key alice.key', does: 'seal' }],
  async run(context) {
    using connected = await connect(context);
    const { epoch } = await context.progress('Sealing', connected.client.seal({ signal: context.signal }));
    context.output.result({ state: 'sealed', epoch }, [
      ['state', 'sealed'],
      ['next', 'letterlock unseal, by as many admins as the threshold says'],
    ]);
  },
});
