/**
 * The attestation port: who says that a boot key is that of a process of this installation.
 * It must never be asked about a key whose possession the connection has not shown.
 * @module
 */

/** What a process presents about its boot keys. */
export interface BootEvidence {
  /** Names both keys, 43 characters. */
  readonly boot: string;
  /** The attestor's own format, at most 8 KiB; it names `boot`, so that it is worth nothing to who copies it. */
  readonly token: string;
}

/** Who was attested. Shape: printable text, at most 200 characters each; both go into the audit trail's object and hashes. */
export interface AttestedBoot {
  /** The process as its surroundings name it: a pod's UID, a static identity's thumbprint. */
  readonly instance: string;
  /** This start of it, of which there is one: a container's id, a boot fingerprint. */
  readonly start: string;
  /** What people call it, such as the name of its pod; absent where that is `instance`. */
  readonly name?: string;
  /** Digest of the image that it runs, which the quorum must have listed; absent where nobody can tell. Shape: `sha256:…` */
  readonly image?: string;
}

export interface BootAttestor {
  /** A token for this process's own boot keys, valid for minutes at least. @throws 'unavailable' */
  present(boot: string): Promise<string>;
  /** @throws 'denied' unless the token says that these boot keys are of a process of this installation; 'unavailable' */
  verify(evidence: BootEvidence): Promise<AttestedBoot>;
}
