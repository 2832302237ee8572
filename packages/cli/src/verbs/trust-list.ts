/**
 * `letterlock trust list`: all pinned services.
 * It must never connect.
 * @module
 */
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  examples: [{ command: 'letterlock trust list', does: 'list address, fingerprint and time of every pin' }],
  async run(context) {
    const servers = Object.entries(context.knownServers.all()).map(
      ([address, { fingerprint, trustDomain, pinnedAt }]) => ({
        address,
        fingerprint,
        trustDomain,
        pinnedAt,
      }),
    );
    context.output.list('servers', servers, ['ADDRESS', 'FINGERPRINT', 'TRUST DOMAIN', 'PINNED'], (server) => [
      server.address,
      server.fingerprint,
      server.trustDomain,
      formatTime(server.pinnedAt),
    ]);
  },
});
