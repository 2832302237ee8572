/**
 * The trust that the pod was given: the instance key and the bundle that it signed, from the mounted ConfigMap, read anew
 * whenever they are needed. It must never take either from the network, nor go back to an older bundle.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificatePem, importVerifyingKey, openBundle, type VerifyingKey } from '@letterlock/crypto';
import { bundleCharacters, decodeBase64url, ProblemError, trustConfigMap } from '@letterlock/protocol';

/** What the service is known by. */
export interface Trust {
  readonly instanceKey: VerifyingKey;
  /** PEM of the authorities that sign the service's and the workloads' certificates. */
  readonly authorities: readonly string[];
  readonly seq: number;
}

export interface TrustFolderOptions {
  /** Folder of the mounted ConfigMap. */
  readonly folder: string;
  /** Thumbprint; undefined: any. */
  readonly pinned: string | undefined;
  readonly nowSeconds: () => number;
}

export class TrustFolder {
  readonly #o: TrustFolderOptions;
  /** Of the newest bundle of each instance key that was accepted. */
  readonly #seen = new Map<string, number>();

  constructor(options: TrustFolderOptions) {
    this.#o = options;
  }

  /** @throws 'unavailable' while the files are not there, 'bad_key', 'bad_proof', 'bad_encoding' for what must not be trusted */
  read(): Trust {
    const { folder, pinned, nowSeconds } = this.#o;
    const instanceKey = importVerifyingKey(readJwk(readText(join(folder, trustConfigMap.instanceKey))));
    if (pinned !== undefined && instanceKey.thumbprint !== pinned) {
      throw new ProblemError('bad_proof', { reason: 'instance_key_not_pinned' });
    }
    const leastSeq = this.#seen.get(instanceKey.thumbprint) ?? 0;
    const jws = readText(join(folder, trustConfigMap.bundle));
    const { certs, seq } = openBundle(jws, instanceKey, { nowSeconds: nowSeconds(), leastSeq });
    this.#seen.set(instanceKey.thumbprint, seq);
    return { instanceKey, seq, authorities: certs.map((der) => certificatePem(decodeBase64url(der))) };
  }
}

function readText(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ProblemError('unavailable', { reason: 'trust_not_there', cause });
  }
  if (text.length > bundleCharacters) throw new ProblemError('bad_encoding', { reason: 'trust_too_long' });
  return text.trimEnd();
}

function readJwk(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProblemError('bad_encoding', { reason: 'instance_key_syntax', cause });
  }
}
