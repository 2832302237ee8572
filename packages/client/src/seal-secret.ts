/**
 * Sealing one version of a secret for its readers, without a network.
 * It must never take a reader's encryption key from anywhere but a verified keyset.
 * @module
 */
import { sealEnvelope, type Keyset, type SecretBytes } from '@letterlock/crypto';
import { limits, type Envelope, type EnvelopeHeader } from '@letterlock/protocol';
import type { Identity } from './identity.ts';
import { contentWithMetadata } from './seal-wrap.ts';

/** What is written, where. */
export interface SecretContent {
  /** 1 to 16 segments of `[a-z0-9._-]`; the writer needs a grant with verb `write` on it. */
  readonly path: string;
  /** At most 512 KiB with name and type. */
  readonly content: SecretBytes | Uint8Array;
  /** File name, sealed with the content. */
  readonly name?: string | undefined;
  /** Media type, sealed with the content. */
  readonly type?: string | undefined;
}

/** A sealed version. */
export interface SealedSecret {
  readonly envelope: Envelope;
  readonly header: EnvelopeHeader;
  /** SHA-256 of the header, 43 characters: names this envelope in receipts. */
  readonly envelopeHash: string;
}

/**
 * Seals. `iat` is the server's time where it is known; `ver` must be higher than the latest, and who writes without a network
 * uses the time in seconds. @throws RangeError for content, readers or versions out of range, 'bad_encoding' for the path. @source protocol.md §5
 */
export async function sealSecret(
  request: SecretContent & {
    readonly to: readonly Keyset[];
    readonly ver: number;
    readonly writer: Identity;
    readonly iat: number;
    /** Seconds; absent: it does not expire. */
    readonly exp?: number | undefined;
  },
): Promise<SealedSecret> {
  const { to, ver, iat, exp, path } = request;
  if (to.length === 0 || to.length > limits.slotsPerEnvelope) {
    throw new RangeError(`Cannot write: a secret has 1 to ${limits.slotsPerEnvelope} readers, not ${to.length}`);
  }
  if (!Number.isSafeInteger(ver) || ver < 1) throw new RangeError('Cannot write: a version is a positive integer');
  using content = contentWithMetadata('write', request);
  const { envelope, header, eh } = await sealEnvelope({
    header: {
      kind: 'kv',
      mode: 'e2e',
      path,
      ver,
      iat,
      ...(exp === undefined ? {} : { exp }),
      rcp: to.map(({ id }) => `k:${id}`),
    },
    content,
    recipients: to.map(({ enc }) => enc),
    writer: request.writer.signingKey,
  });
  return { envelope, header, envelopeHash: eh };
}
