/**
 * `letterlock trust remove`: forgets a pinned service.
 * It must never forget another than the named one.
 * @module
 */
import { readOrigin } from '../connect.ts';
import { usage } from '../exit-status.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description: 'Also forgets the pin of your share there: run "letterlock share check" again after the next pin.',
  examples: [
    { command: 'letterlock trust remove --address https://old.example.com:8443', does: 'forget this service' },
  ],
  async run(context) {
    const origin = await readOrigin(context);
    if (!context.knownServers.remove(origin))
      throw usage(`Cannot remove ${origin}: it is not pinned`, 'see "letterlock trust list"');
    context.output.result({ address: origin, isRemoved: true }, [['removed', origin]]);
  },
});
