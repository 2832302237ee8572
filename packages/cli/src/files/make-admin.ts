/**
 * Makes the key and the certificate of somebody who will hold a share.
 * It must never leave a certificate without its key.
 * @module
 */
import { join } from 'node:path';
import { createIdentity } from '@letterlock/client';
import { certificatePem, createSelfSignedCertificate } from '@letterlock/crypto';
import { writeKeyFile } from './key-file.ts';
import { checkTarget, writeWholeFile } from './write-file.ts';

/** Never enforced: an expired certificate still unseals. */
const lifeSeconds = 10 * 365 * 86_400;
const backdatedSeconds = 300;

export interface MadeAdmin {
  readonly id: string;
  readonly keyFile: string;
  readonly certificateFile: string;
  readonly certificate: string;
}

/** Whether a name can be that of the two files. */
export function isAdminName(name: string): boolean {
  return /^[\w.@-]{1,64}$/.test(name) && !name.startsWith('.');
}

/** Paths of the two files. */
export function adminFiles(
  folder: string,
  name: string,
): { readonly keyFile: string; readonly certificateFile: string } {
  return { keyFile: join(folder, `${name}.key`), certificateFile: join(folder, `${name}.crt`) };
}

/** Writes both files. @throws usage when one of them exists and is not to be replaced */
export function makeAdmin(o: {
  readonly name: string;
  readonly kind: 'P-256' | 'P-384' | 'RSA';
  readonly folder: string;
  readonly isReplacing: boolean;
  readonly nowSeconds: number;
}): MadeAdmin {
  const { keyFile, certificateFile } = adminFiles(o.folder, o.name);
  checkTarget(keyFile, o.isReplacing);
  checkTarget(certificateFile, o.isReplacing);
  // One key for both: a certificate names one.
  const identity = createIdentity({ signingKind: o.kind, isSingleKey: true });
  const certificate = certificatePem(
    createSelfSignedCertificate({
      key: identity.signingKey,
      commonName: o.name,
      notBeforeSeconds: o.nowSeconds - backdatedSeconds,
      notAfterSeconds: o.nowSeconds + lifeSeconds,
    }),
  );
  writeKeyFile(keyFile, identity, o.isReplacing);
  writeWholeFile(certificateFile, certificate, { isReplacing: o.isReplacing, mode: 0o644 });
  return { id: identity.id, keyFile, certificateFile, certificate };
}
