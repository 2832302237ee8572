/**
 * `letterlock key certificate`: a self-signed client certificate, by which curl presents the key.
 * It must never contain anything that the service would believe: only the key counts.
 * @module
 */
import { certificatePem, createSelfSignedCertificate } from '@letterlock/crypto';
import { readIdentity } from '../connect.ts';
import { usage } from '../exit-status.ts';
import { writeWholeFile } from '../files/write-file.ts';
import { parseDuration } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

const defaultLife = '365d';
/** Clocks differ; a certificate from the future is refused by some tools. */
const backdatedSeconds = 300;

export const verb = defineVerb({
  description: 'The service looks at the key alone; name and dates are for the tools in between.',
  options: {
    out: { flags: '--out <file>', help: 'write to a file instead of standard output' },
    name: { flags: '--name <name>', help: 'common name; default: the first characters of your id' },
    for: { flags: '--for <duration>', help: `how long it is valid, such as 30d; default ${defaultLife}` },
    force: { flags: '--force', help: 'replace the file' },
  },
  examples: [
    { command: 'letterlock key certificate --key me.key --out me.crt', does: 'write the certificate' },
    {
      command:
        'curl --cacert letterlock.crt --cert me.crt --key me.key https://letterlock.example.com:8443/v1/wraps/ID/status',
      does: 'use it',
    },
  ],
  async run(context, { options }) {
    const identity = await readIdentity(context);
    const name = options.name ?? identity.id.slice(0, 16);
    if (name.length < 1 || name.length > 64) throw usage('Cannot make a certificate: --name has 1 to 64 characters');
    const now = context.now();
    const pem = certificatePem(
      createSelfSignedCertificate({
        key: identity.signingKey,
        commonName: name,
        notBeforeSeconds: now - backdatedSeconds,
        notAfterSeconds: now + parseDuration(options.for ?? defaultLife, '--for'),
      }),
    );
    if (options.out === undefined) {
      context.output.text(pem);
      return;
    }
    writeWholeFile(options.out, pem, { isReplacing: options.force, mode: 0o644 });
    context.output.result({ file: options.out, id: identity.id }, [['written', options.out]]);
  },
});
