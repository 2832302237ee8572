/**
 * The webhook's own small CA: which of its authorities signs, which are trusted, when a new one is due; and its stored form,
 * which a Kubernetes Secret keeps, so that it works while the service is sealed. It must never sign with an authority that
 * the API server may not know yet, nor be the authority of anything else: its domain is no trust domain of workloads.
 * @module
 */
import { createAuthority, issueServerCertificate, readAuthority, type Authority } from '@letterlock/core';
import {
  certificatePem,
  exportPrivateKey,
  generateSigningKey,
  importSigningKey,
  publicOf,
  SecretBytes,
} from '@letterlock/crypto';

/** One prefix before the trust domain of workloads, whose verifiers know no such authority. */
const domainPrefix = 'webhook.';
const lifetimeSeconds = 90 * 86_400;
/** What is left of an authority when the next one is made. */
const renewSeconds = 30 * 86_400;
/** A new one is published for so long before it signs. */
const publishedSeconds = 600;
/** Its beginning is dated back by this. */
const backdatedSeconds = 300;

export interface AuthorityPlan {
  /** Undefined: there is none that is valid. */
  readonly signing: Authority | undefined;
  /** Those that the API server must trust, the newest first. */
  readonly trusted: readonly Authority[];
  readonly isNewDue: boolean;
}

/** What to do with the authorities that are held. */
export function planAuthorities(held: readonly Authority[], nowSeconds: number): AuthorityPlan {
  const trusted = held
    .filter(({ notAfter }) => notAfter > nowSeconds)
    .toSorted((left, right) => right.notBefore - left.notBefore);
  const isKnown = ({ notBefore }: Authority): boolean => notBefore + backdatedSeconds + publishedSeconds <= nowSeconds;
  // The first one of all need not wait: nobody trusts another.
  const signing = trusted.find(isKnown) ?? trusted.at(-1);
  const newest = trusted[0];
  return { signing, trusted, isNewDue: newest === undefined || newest.notAfter - nowSeconds < renewSeconds };
}

export function createWebhookAuthority(trustDomain: string, nowSeconds: number): Promise<Authority> {
  return createAuthority({ trustDomain: domainOf(trustDomain), nowSeconds, lifetimeSeconds });
}

/** A certificate for an hour, with a key that never leaves this process. Shape: PEM. */
export async function issueWebhookCertificate(o: {
  readonly signing: Authority;
  readonly hosts: readonly string[];
  readonly nowSeconds: number;
}): Promise<{ readonly certificate: string; readonly key: string; readonly notAfter: number }> {
  const key = generateSigningKey('P-256');
  const issued = await issueServerCertificate({
    authority: o.signing,
    key: publicOf(key),
    hosts: o.hosts,
    nowSeconds: o.nowSeconds,
  });
  return {
    certificate: `${certificatePem(issued.der)}${certificatePem(o.signing.der)}`,
    // TLS takes its key as PEM only; this one dies with the process.
    key: key.keyObject.export({ format: 'pem', type: 'pkcs8' }),
    notAfter: issued.notAfter,
  };
}

/** Data of the Secret, each value base64: certificate and key of each authority, numbered. */
export type AuthorityData = Readonly<Record<string, string>>;

const mostHeld = 4;

export function encodeWebhookAuthorities(authorities: readonly Authority[]): AuthorityData {
  const pairs = authorities.slice(0, mostHeld).flatMap(({ der, key }, index): (readonly [string, string])[] => {
    using exported = exportPrivateKey(key);
    return [
      [`authority-${index}.crt`, Buffer.from(der).toString('base64')],
      [`authority-${index}.key`, Buffer.from(exported.expose()).toString('base64')],
    ];
  });
  return Object.fromEntries(pairs);
}

/** Those that can be read; the rest is as if it were not there, so that a damaged Secret is written anew. */
export function decodeWebhookAuthorities(data: AuthorityData, trustDomain: string): readonly Authority[] {
  return Array.from({ length: mostHeld }, (_, index) => index).flatMap((index): readonly Authority[] => {
    const [certificate, key] = [data[`authority-${index}.crt`], data[`authority-${index}.key`]];
    if (certificate === undefined || key === undefined) return [];
    try {
      const trusted = readAuthority(Buffer.from(certificate, 'base64'), domainOf(trustDomain));
      using secret = SecretBytes.take(Buffer.from(key, 'base64'));
      const signingKey = importSigningKey(secret);
      return publicOf(signingKey).thumbprint === trusted.read.key.thumbprint ? [{ ...trusted, key: signingKey }] : [];
    } catch {
      return [];
    }
  });
}

/** What the API server is told to trust. Shape: base64 of PEM. */
export function caBundleOf(trusted: readonly Authority[]): string {
  return Buffer.from(trusted.map(({ der }) => certificatePem(der)).join('')).toString('base64');
}

function domainOf(trustDomain: string): string {
  return `${domainPrefix}${trustDomain}`;
}
