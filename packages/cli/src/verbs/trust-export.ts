/**
 * `letterlock trust export`: the certificate that other tools need to trust the pinned service.
 * It must never print a certificate whose key the pinned instance key did not vouch for on this connection.
 * @module
 */
import { inspectServer } from '@letterlock/client';
import { otherPin, readOrigin, trustedFingerprint } from '../connect.ts';
import { CommandError } from '../exit-status.ts';
import { writeWholeFile } from '../files/write-file.ts';
import { serviceOf } from '../service.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'Prints PEM. The certificate is of this start of the server: after a restart export it again, ' +
    'unless the server has a certificate of a CA.',
  options: {
    out: { flags: '--out <file>', help: 'write to a file instead of standard output' },
    force: { flags: '--force', help: 'replace the file' },
  },
  examples: [
    { command: 'letterlock trust export --out letterlock.crt', does: 'write it to a file' },
    {
      command:
        'curl --cacert letterlock.crt --cert me.crt --key me.key https://letterlock.example.com:8443/v1/sys/state',
      does: 'what it is for',
    },
  ],
  async run(context, { options }) {
    const origin = await readOrigin(context);
    const fingerprint = await trustedFingerprint(context, serviceOf(origin));
    const shown = await context.progress(`Connecting to ${origin}`, inspectServer(origin, { signal: context.signal }));
    if (shown.fingerprint !== undefined && shown.fingerprint !== fingerprint)
      throw otherPin(origin, fingerprint, shown.fingerprint);
    if (!shown.isSigned) {
      throw new CommandError(
        'sealed',
        `Cannot export: a service that is ${shown.state} cannot vouch for its certificate`,
        'try again when it is unsealed',
      );
    }
    const pem = shown.certificates.join('');
    if (options.out === undefined) context.output.text(pem);
    else {
      writeWholeFile(options.out, pem, { isReplacing: options.force, mode: 0o644 });
      context.output.result({ file: options.out, certificates: shown.certificates.length }, [['written', options.out]]);
    }
  },
});
