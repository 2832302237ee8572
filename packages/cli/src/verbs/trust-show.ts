/**
 * `letterlock trust show`: what is pinned for one service.
 * It must never connect: it shows what this machine believes.
 * @module
 */
import { readOrigin } from '../connect.ts';
import { usage } from '../exit-status.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  examples: [{ command: 'letterlock trust show', does: 'show the pin of the service of your profile' }],
  async run(context) {
    const origin = await readOrigin(context);
    const known = context.knownServers.find(origin);
    if (known === undefined)
      throw usage(`Cannot show ${origin}: it is not pinned`, 'pin it with "letterlock trust add"');
    const { fingerprint, instance, trustDomain, pinnedAt, shares = {} } = known;
    context.output.result(
      { address: origin, fingerprint, instance, trustDomain, pinnedAt, shares: Object.keys(shares) },
      [
        ['fingerprint', fingerprint],
        ['address', origin],
        ['instance', instance],
        ['trust domain', trustDomain],
        ['pinned', formatTime(pinnedAt)],
        ...Object.entries(shares).map(
          ([admin, share]) => ['share', `generation ${share.generation} of admin ${admin}`] as const,
        ),
      ],
    );
  },
});
