/**
 * `letterlock trust show`: what is pinned for one service.
 * It must never connect: it shows what this machine believes.
 * @module
 */
import { usage } from '../exit-status.ts';
import { clusterRows } from '../cluster-pins.ts';
import { knownServer, readService } from '../service.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  examples: [{ command: 'letterlock trust show', does: 'show the pin of the service of your profile' }],
  async run(context) {
    const service = await readService(context);
    const [origin] = service.origins;
    const known = knownServer(context, service);
    if (known === undefined)
      throw usage(`Cannot show ${origin}: it is not pinned`, 'pin it with "letterlock trust add"');
    const { fingerprint, instance, trustDomain, pinnedAt, shares = {}, bootIdentities = [], cluster } = known;
    context.output.result(
      {
        address: origin,
        fingerprint,
        instance,
        trustDomain,
        pinnedAt,
        shares: Object.keys(shares),
        bootIdentities,
        ...(cluster === undefined ? {} : { cluster: { ...cluster } }),
      },
      [
        ['fingerprint', fingerprint],
        ['address', origin],
        ['instance', instance],
        ['trust domain', trustDomain],
        ['pinned', formatTime(pinnedAt)],
        ...bootIdentities.map((identity) => ['attested by', identity] as const),
        ...(cluster === undefined ? [] : clusterRows(cluster)),
        ...Object.entries(shares).map(
          ([admin, share]) => ['share', `generation ${share.generation} of admin ${admin}`] as const,
        ),
      ],
    );
  },
});
