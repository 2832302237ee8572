/**
 * Opens the configured attestation: the API server of Kubernetes, or outside of it a key file of this replica and the pinned
 * fingerprints of all. It must never take a key that everybody can read.
 * @module
 */
import { createPrivateKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createKubernetesAttestor, createStaticAttestor, type BootAttestor, type Clock } from '@letterlock/core';
import { signingKeyOf, type SigningKey } from '@letterlock/crypto';
import { ConfigError } from './config-error.ts';
import type { Config } from './config.ts';
import type { ApiClient } from './kube/api-client.ts';
import { createBootWitness } from './kube/boot-token.ts';

const at = 'attest.static.keyFile';
const readableByOthers = 0o004;

/** @param api - where Kubernetes is configured. @returns undefined where nothing is configured. @throws ConfigError */
export function openAttestor(
  { attest, kubernetes, trustDomain }: Pick<Config, 'attest' | 'kubernetes' | 'trustDomain'>,
  clock: Clock,
  api: ApiClient | undefined,
): BootAttestor | undefined {
  if (attest === undefined) return undefined;
  if (attest.kubernetes !== undefined) {
    if (api === undefined || kubernetes === undefined) throw new TypeError('Attestation needs the API server');
    const { namespace, pod } = kubernetes;
    const { container } = attest.kubernetes;
    return createKubernetesAttestor({ witness: createBootWitness(api), trustDomain, clock, namespace, pod, container });
  }
  const identity = readIdentity(attest.static.keyFile);
  return createStaticAttestor({ identity, pinned: new Set(attest.static.fingerprints), trustDomain, clock });
}

function readIdentity(path: string): SigningKey {
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, 'latin1');
    ({ mode } = statSync(path));
  } catch (error) {
    const { code } = error as { readonly code?: string };
    throw fault(`cannot be read (${code ?? 'unknown error'})`);
  }
  if ((mode & readableByOthers) !== 0) throw fault('is readable by everybody: chmod o= it');
  try {
    return signingKeyOf(createPrivateKey(text));
  } catch {
    throw fault('has no unencrypted PEM private key that signs');
  }
}

function fault(message: string): ConfigError {
  return new ConfigError([{ at, message }]);
}
