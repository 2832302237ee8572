/**
 * `letterlock trust add`: pins the instance key of a service.
 * It must never pin a key that is not signed for the connection, nor replace a pin unasked.
 * @module
 */
import { inspectServer } from '@letterlock/client';
import { acceptFirstContact, checkFingerprint, otherPin, pin, readOrigin } from '../connect.ts';
import { CommandError } from '../exit-status.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description: 'Shows the fingerprint and asks; for scripts give it with --trust.',
  options: { replace: { flags: '--replace', help: 'replace the pin of another instance, after you compared' } },
  examples: [
    {
      command: 'letterlock trust add --address https://letterlock.example.com:8443',
      does: 'show the fingerprint, ask, pin',
    },
    {
      command: 'letterlock trust add --trust KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI',
      does: 'pin exactly this one, without a question',
    },
  ],
  async run(context, { options }) {
    const origin = await readOrigin(context);
    const { trust } = await context.settings();
    if (trust !== undefined) checkFingerprint(trust);
    const shown = await context.progress(`Connecting to ${origin}`, inspectServer(origin, { signal: context.signal }));
    const { fingerprint } = shown;
    if (fingerprint === undefined || !shown.isSigned) {
      throw new CommandError(
        'sealed',
        `Cannot pin ${origin}: a service that is ${shown.state} cannot sign who it is`,
        'pin it when it is unsealed',
      );
    }
    if (trust !== undefined && trust !== fingerprint) throw otherPin(origin, trust, fingerprint);
    const known = context.knownServers.find(origin);
    if (known !== undefined && known.fingerprint !== fingerprint && !options.replace) {
      throw otherPin(origin, known.fingerprint, fingerprint);
    }
    if (trust === undefined && known?.fingerprint !== fingerprint)
      await acceptFirstContact(context, shown, fingerprint);
    pin(context, shown, fingerprint);
    context.output.result({ address: origin, fingerprint, instance: shown.instance, trustDomain: shown.trustDomain }, [
      ['fingerprint', fingerprint],
      ['pinned for', origin],
      ['trust domain', shown.trustDomain],
    ]);
  },
});
