/**
 * `letterlock status`: what a service says about itself, and whether it is the pinned one.
 * It must never call anything verified that the instance key did not sign for this connection.
 * @module
 */
import { inspectServer } from '@letterlock/client';
import { otherPin } from '../connect.ts';
import { exitStatus } from '../exit-status.ts';
import { knownServer, readService, type Service } from '../service.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'Needs no key. The fingerprint is the thumbprint of the instance key; a sealed service cannot sign it. ' +
    'Exit status 6 while the service is sealed or not initialised, 8 if it is not the pinned one.',
  examples: [
    { command: 'letterlock status --address https://letterlock.example.com:8443', does: 'show state and fingerprint' },
    { command: 'letterlock status -o json', does: 'the same for a script' },
  ],
  async run(context) {
    const service = await readService(context);
    const { signal } = context;
    const names = service.origins.join(', ');
    const shown = await context.progress(`Connecting to ${names}`, inspectServer(service.address, { signal }));
    const origin = shown.address;
    const { trust } = await context.settings();
    const pinned = trust ?? knownServer(context, service)?.fingerprint;
    const replicas =
      service.parts.length === 1 ? [] : await context.progress('Looking', replicaStates(service, signal));
    if (pinned !== undefined && shown.fingerprint !== undefined && shown.fingerprint !== pinned) {
      throw otherPin(origin, pinned, shown.fingerprint);
    }
    const isVerified = shown.isSigned && pinned !== undefined;
    context.output.result(
      {
        address: origin,
        state: shown.state,
        trustDomain: shown.trustDomain,
        fingerprint: shown.fingerprint,
        instance: shown.instance,
        isPinned: pinned !== undefined,
        isVerified,
        serverTime: shown.serverSeconds,
        ...(replicas.length === 0 ? {} : { replicas }),
      },
      [
        ['state', shown.state],
        ['address', origin],
        ['trust domain', shown.trustDomain],
        ['fingerprint', shown.fingerprint ?? 'none before initialisation'],
        ['pin', pinText(pinned !== undefined, shown.isSigned)],
        ...(shown.serverSeconds === undefined ? [] : ([['server time', formatTime(shown.serverSeconds)]] as const)),
        ...replicas.map(({ address, state }) => ['replica', `${address} ${state}`] as const),
      ],
    );
    // The result is printed either way; scripts look at the status.
    if (shown.state === 'sealed' || shown.state === 'uninitialised') process.exitCode = exitStatus.sealed;
  },
});

/** What each address says by itself; nothing of it is verified here. */
async function replicaStates(service: Service, signal: AbortSignal) {
  return Promise.all(
    service.parts.map(async ({ shown: address, address: part }) => ({
      address,
      state: await inspectServer(part, { signal }).then(
        ({ state }) => state as string,
        () => 'not reached',
      ),
    })),
  );
}

function pinText(isPinned: boolean, isSigned: boolean): string {
  if (!isPinned) return 'not pinned: compare the fingerprint, then "letterlock trust add"';
  return isSigned ? 'pinned, and signed for this connection' : 'pinned, but a sealed service cannot prove it';
}
