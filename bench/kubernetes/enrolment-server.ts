/**
 * The server of the enrolment measurement, in a process of its own: real but for the API server, which knows any number of pods.
 * It must never be started by anything but enrolment.ts.
 * @module
 */
import { loadConfig } from '@letterlock/server/config';
import { startServer } from '@letterlock/server/main';
import { imageDigest, injectionSettings, podOf, statusOf } from './enrolment-world.ts';

const { trustDomain } = injectionSettings;
const certificates = process.argv.slice(2);

const server = await startServer(
  loadConfig({
    flags: {
      'trust-domain': trustDomain,
      store: 'memory',
      'listen-direct': '127.0.0.1:0',
      'listen-health': 'none',
      'init-certificates': certificates,
    },
  }),
  {
    workloadPorts: {
      witness: {
        reviewToken: ({ token, audience }) => Promise.resolve(statusOf(token, audience)),
        readPod: (_namespace, name) => Promise.resolve(podOf(name)),
      },
      bindings: { isCurrent: () => true, bindingOf: () => undefined, bindingsIn: () => [] },
      forms: () => ({ settings: [injectionSettings], imageDigests: [imageDigest] }),
      checkSourceAddress: true,
      serviceHosts: [],
    },
  },
);
process.send?.({ origin: server.origin, fingerprint: server.fingerprint });
process.once('disconnect', () => void server.close());
