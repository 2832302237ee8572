/**
 * `letterlock init`: initialises a durable service with the certificates of its admins.
 * It must never pin what comes up before a person compared its fingerprint.
 * @module
 */
import { inspectServer, LetterlockClient } from '@letterlock/client';
import { readCertificate } from '@letterlock/crypto';
import { encodeBase64url } from '@letterlock/protocol';
import { acceptFirstContact, checkFingerprint, otherPin, pin, readIdentity, readOrigin } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, usage } from '../exit-status.ts';
import { readTextFile } from '../files/read-file.ts';
import { required } from '../people.ts';
import { defineVerb } from '../verb.ts';

const certificateFileBytes = 65_536;

export const verb = defineVerb({
  description:
    'A transient service (store memory) initialises itself. A durable one waits for an admin whose certificate it was configured with. ' +
    'The server prints its boot fingerprint at start: read it from its log, not from the network.',
  options: {
    certificates: { flags: '--certificates <file...>', help: 'certificates of all admins, PEM' },
    threshold: { flags: '--threshold <number>', help: 'how many of them unseal together; default 1' },
    boot: { flags: '--boot <fingerprint>', help: 'boot fingerprint of the process, from its log' },
  },
  examples: [
    {
      command: 'letterlock init --certificates alice.crt bob.crt carol.crt --boot FINGERPRINT --key alice.key',
      does: 'initialise as alice',
    },
    { command: 'letterlock init admin --name alice', does: 'make the key and the certificate of an admin first' },
  ],
  async run(context, { options }) {
    const boot = required(options.boot, '--boot', 'the boot fingerprint that the server printed at start');
    checkFingerprint(boot);
    const files = options.certificates ?? [];
    if (files.length === 0)
      throw usage('Cannot initialise: --certificates is missing', 'name the certificates of all admins');
    const threshold = Number(options.threshold ?? 1);
    if (!Number.isInteger(threshold) || threshold < 1 || threshold > files.length) {
      throw usage(`Cannot initialise: --threshold is a number from 1 to ${files.length}`);
    }
    const admins = files.flatMap(readCertificates);
    const identity = await readIdentity(context);
    const origin = await readOrigin(context);
    const before = await inspectServer(origin, { signal: context.signal });
    if (before.state !== 'uninitialised') {
      throw new CommandError(
        'usage',
        `Cannot initialise ${origin}: it is ${before.state}`,
        'pin it with "letterlock trust add"',
      );
    }
    using client = new LetterlockClient({ address: origin, trust: { onFirstContact: () => false }, identity });
    await context.progress('Initialising', client.initialise({ boot, admins, k: threshold, signal: context.signal }));
    await pinNew(context, origin, admins.length, threshold);
  },
});

async function pinNew(context: Context, origin: string, holders: number, threshold: number): Promise<void> {
  const shown = await inspectServer(origin, { signal: context.signal });
  const { fingerprint } = shown;
  if (fingerprint === undefined || !shown.isSigned)
    throw new CommandError('integrity', 'Cannot pin: the service did not sign who it is now');
  const { trust } = await context.settings();
  if (trust !== undefined && trust !== fingerprint) throw otherPin(origin, trust, fingerprint);
  context.output.note(`Initialised: ${threshold} of ${holders} admins unseal.`);
  if (trust === undefined) await acceptFirstContact(context, shown, fingerprint);
  pin(context, shown, fingerprint);
  context.output.result({ address: origin, fingerprint, admins: holders, threshold }, [
    ['fingerprint', fingerprint],
    ['pinned for', origin],
    ['next', 'each admin: letterlock share check; then try seal and unseal once'],
  ]);
}

function readCertificates(path: string): readonly string[] {
  const text = readTextFile(path, certificateFileBytes, 'the certificate');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw usage(`Cannot read ${path}: it has no PEM certificate`);
  return blocks.map((block) => encodeBase64url(readCertificate(block).der));
}
