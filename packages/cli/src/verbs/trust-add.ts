/**
 * `letterlock trust add`: pins the instance key of a service.
 * It must never pin a key that is not signed for the connection, nor replace a pin unasked.
 * @module
 */
import { inspectServer, type ServerInspection } from '@letterlock/client';
import { knownBootIdentities, pinBootIdentities } from '../boot-identities.ts';
import { acceptFirstContact, checkFingerprint, otherPin, pin } from '../connect.ts';
import { CommandError } from '../exit-status.ts';
import { knownServer, readService, type Service } from '../service.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description: 'Shows the fingerprint and asks; for scripts give it with --trust.',
  options: {
    replace: { flags: '--replace', help: 'replace the pin of another instance, after you compared' },
    bootIdentity: {
      flags: '--boot-identity <fingerprint...>',
      help: 'static identities that attest the replicas, to add to the pinned ones; a service that is pinned already is not asked',
    },
  },
  examples: [
    {
      command: 'letterlock trust add --address https://letterlock.example.com:8443',
      does: 'show the fingerprint, ask, pin',
    },
    {
      command: 'letterlock trust add --address https://a.example.com:8443 --address https://b.example.com:8443',
      does: 'pin two replicas, which must show the same fingerprint',
    },
    {
      command: 'letterlock trust add --trust KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI',
      does: 'pin exactly this one, without a question',
    },
    {
      command: 'letterlock trust add --boot-identity KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI',
      does: 'pin the static identity of a replica that was added',
    },
  ],
  async run(context, { options }) {
    const service = await readService(context);
    const { trust } = await context.settings();
    if (trust !== undefined) checkFingerprint(trust);
    const identities = options.bootIdentity ?? [];
    for (const each of identities) checkFingerprint(each, '--boot-identity');
    const known = identities.length === 0 || options.replace ? undefined : knownServer(context, service);
    if (known !== undefined) {
      if (trust !== undefined && trust !== known.fingerprint)
        throw otherPin(service.origins.join(', '), known.fingerprint, trust);
      pinBootIdentities(context, known.fingerprint, identities);
      const pinned = knownBootIdentities(context, known.fingerprint);
      context.output.result({ address: service.origins[0], fingerprint: known.fingerprint, bootIdentities: pinned }, [
        ['fingerprint', known.fingerprint],
        ...pinned.map((each) => ['attested by', each] as const),
      ]);
      return;
    }
    const { signed, first, failure } = await context.progress(
      `Connecting to ${service.origins.join(', ')}`,
      inspectAll(service, context.signal),
    );
    const [one] = signed;
    if (one === undefined) {
      if (first === undefined) throw failure;
      throw new CommandError(
        'sealed',
        `Cannot pin ${first.address}: a service that is ${first.state} cannot sign who it is`,
        'pin it when it is unsealed',
      );
    }
    const { fingerprint } = one;
    for (const shown of signed) {
      if (shown.fingerprint !== (trust ?? fingerprint))
        throw otherPin(shown.address, trust ?? fingerprint, shown.fingerprint);
      const before = context.knownServers.find(shown.address);
      if (before !== undefined && before.fingerprint !== fingerprint && !options.replace) {
        throw otherPin(shown.address, before.fingerprint, fingerprint);
      }
    }
    const isKnown = signed.some(({ address }) => context.knownServers.find(address)?.fingerprint === fingerprint);
    if (trust === undefined && !isKnown) await acceptFirstContact(context, one, fingerprint);
    for (const shown of signed) pin(context, shown, fingerprint);
    pinBootIdentities(context, fingerprint, identities);
    const pinned = [...new Set(signed.map(({ address }) => address))];
    const others = service.origins.filter((origin) => !pinned.includes(origin));
    context.output.result(
      { address: one.address, fingerprint, instance: one.instance, trustDomain: one.trustDomain, addresses: pinned },
      [
        ['fingerprint', fingerprint],
        ...pinned.map((origin) => ['pinned for', origin] as const),
        ['trust domain', one.trustDomain],
        ...others.map((origin) => ['not pinned', `${origin}: not reached, or sealed; it must have the same`] as const),
      ],
    );
  },
});

type Signed = ServerInspection & { readonly fingerprint: string };

/** What each address shows: all that sign who they are, else the first that answers, else why the first did not. */
async function inspectAll(service: Service, signal: AbortSignal) {
  const settled = await Promise.allSettled(service.parts.map(({ address }) => inspectServer(address, { signal })));
  const answered = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failures = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  // Whoever contradicts its own connection is no replica that happens to be away.
  const alarm = failures.find((failure) => (failure as { readonly name?: string }).name !== 'ConnectionError');
  if (alarm !== undefined) throw alarm as Error;
  const signed = answered.filter((shown): shown is Signed => shown.isSigned && shown.fingerprint !== undefined);
  return { signed, first: answered[0], failure: failures[0] };
}
