/**
 * `letterlock trust remove`: forgets a pinned service.
 * It must never forget another than the named one.
 * @module
 */
import { usage } from '../exit-status.ts';
import { readService } from '../service.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description: 'Also forgets the pin of your share there: run "letterlock share check" again after the next pin.',
  examples: [
    { command: 'letterlock trust remove --address https://old.example.com:8443', does: 'forget this service' },
  ],
  async run(context) {
    const { origins } = await readService(context);
    const removed = origins.filter((origin) => context.knownServers.remove(origin));
    if (removed.length === 0)
      throw usage(`Cannot remove ${origins.join(', ')}: it is not pinned`, 'see "letterlock trust list"');
    context.output.result(
      { address: removed[0], isRemoved: true, addresses: removed },
      removed.map((origin) => ['removed', origin] as const),
    );
  },
});
