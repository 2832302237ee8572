/**
 * Admin certificates from files, and the names in them: what a person needs to read who is missing.
 * It must never let a name in a certificate replace one that is pinned.
 * @module
 */
import { readCertificate } from '@letterlock/crypto';
import { encodeBase64url } from '@letterlock/protocol';
import type { Context } from '../context.ts';
import { usage } from '../exit-status.ts';
import { readTextFile } from './read-file.ts';

const certificateFileBytes = 65_536;
const pinnableName = /^[\w@-][\w.@-]{0,63}$/;

export interface AdminCertificateFile {
  /** Thumbprint of the key. */
  readonly id: string;
  /** DER, base64url. */
  readonly der: string;
  /** Common name, if it can be a name here. */
  readonly name: string | undefined;
}

/** Reads all certificates of all files. @throws usage for a file without one */
export function readAdminCertificates(paths: readonly string[]): readonly AdminCertificateFile[] {
  return paths.flatMap((path) => {
    const text = readTextFile(path, certificateFileBytes, 'the certificate');
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0) throw usage(`Cannot read ${path}: it has no PEM certificate`);
    return blocks.map((block) => {
      const { certificate, der, key } = readCertificate(block);
      const commonName = /(?:^|\n)CN=([^\n]*)/.exec(certificate.subject)?.[1] ?? '';
      return {
        id: key.thumbprint,
        der: encodeBase64url(der),
        name: pinnableName.test(commonName) ? commonName : undefined,
      };
    });
  });
}

/** Pins the name of each admin that has none here; warns where the name belongs to somebody else. */
export function pinAdminNames(context: Context, admins: readonly AdminCertificateFile[]): void {
  for (const { id, name } of admins) {
    if (name === undefined || context.knownIdentities.nameOf(id) !== undefined) continue;
    const names = context.knownIdentities.names();
    if (Object.hasOwn(names, name)) {
      context.output.warn(`The certificate of ${id} says ${name}, and that name belongs to ${names[name]} here.`);
    } else context.knownIdentities.pin(name, id, false);
  }
}
