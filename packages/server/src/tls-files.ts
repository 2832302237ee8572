/**
 * Certificate and key files, of the direct listener and for etcd: read, checked, and read again when they change.
 * It must never put into service a pair that does not belong together, is out of date, or lies open to everybody.
 * @module
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { verifyingKeyOf } from '@letterlock/crypto';
import { ConfigError } from './config-error.ts';

/** What a TLS listener serves. Shape: PEM texts. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
}

export interface TlsFilePaths {
  readonly certFile: string;
  readonly keyFile: string;
}

const readableByOthers = 0o004;

/** Reads and checks both files. @param at - the mapping that names them. @throws ConfigError */
export function readTlsFiles(paths: TlsFilePaths, nowSeconds: number, at = 'tls'): TlsMaterial {
  const certificate = readOne(paths.certFile, `${at}.certFile`);
  const key = readOne(paths.keyFile, `${at}.keyFile`);
  const fault = faultOfMode(paths.keyFile, at) ?? faultOfPair(certificate, key, nowSeconds, at);
  if (fault !== undefined) throw new ConfigError([fault]);
  return { certificate, key };
}

/** Reads who may have signed the other end's certificate. Shape: PEM. @throws ConfigError */
export function readAuthorities(path: string, at: string): string {
  const text = readOne(path, at);
  try {
    if (new X509Certificate(text).raw.length > 0) return text;
  } catch {
    // Said below.
  }
  throw new ConfigError([{ at, message: 'has no PEM certificate' }]);
}

/** When the first certificate of a PEM text ends. @returns Unix time, seconds */
export function endOfCertificate(pem: string): number {
  return Math.floor(new X509Certificate(pem).validToDate.getTime() / 1000);
}

/** Gives new material when the files have changed since the last look. */
export class TlsFiles {
  readonly #paths: TlsFilePaths;
  readonly #at: string;
  readonly #others: readonly string[];
  #seen: string;

  /** @param o - `at`: the mapping that names the files, default `tls`; `others`: files whose change counts too */
  constructor(paths: TlsFilePaths, o: { readonly at?: string; readonly others?: readonly string[] } = {}) {
    this.#paths = paths;
    this.#at = o.at ?? 'tls';
    this.#others = o.others ?? [];
    this.#seen = this.#signature();
  }

  /** New material, or undefined when nothing has changed. @throws ConfigError when the new files cannot be used; each change is reported once */
  changed(nowSeconds: number): TlsMaterial | undefined {
    const signature = this.#signature();
    if (signature === this.#seen) return undefined;
    this.#seen = signature;
    return readTlsFiles(this.#paths, nowSeconds, this.#at);
  }

  /** Kubernetes replaces mounted files by moving a link, so the file behind the path is what counts. */
  #signature(): string {
    return [this.#paths.certFile, this.#paths.keyFile, ...this.#others]
      .map((path) => {
        const stat = statSync(path, { throwIfNoEntry: false });
        return stat === undefined ? 'absent' : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.mode}`;
      })
      .join(' ');
  }
}

function readOne(path: string, at: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const { code } = error as { readonly code?: string };
    throw new ConfigError([{ at, message: `cannot be read (${code ?? 'unknown error'})` }]);
  }
}

type Fault = { readonly at: string; readonly message: string } | undefined;

function faultOfMode(keyFile: string, at: string): Fault {
  return (statSync(keyFile).mode & readableByOthers) === 0
    ? undefined
    : { at: `${at}.keyFile`, message: 'is readable by everybody: chmod o= it' };
}

function faultOfPair(certificatePem: string, keyPem: string, nowSeconds: number, at: string): Fault {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certificatePem);
    verifyingKeyOf(certificate.publicKey);
  } catch {
    return { at: `${at}.certFile`, message: 'has no PEM certificate of an acceptable key' };
  }
  if (nowSeconds >= certificate.validToDate.getTime() / 1000) return { at: `${at}.certFile`, message: 'has expired' };
  if (nowSeconds < certificate.validFromDate.getTime() / 1000)
    return { at: `${at}.certFile`, message: 'is not yet valid' };
  try {
    if (certificate.checkPrivateKey(createPrivateKey(keyPem))) return undefined;
  } catch {
    return { at: `${at}.keyFile`, message: 'has no unencrypted PEM private key' };
  }
  return { at: `${at}.keyFile`, message: `is not the key of ${at}.certFile` };
}
