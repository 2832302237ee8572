/**
 * Sealing a one-time envelope for one reader, without a network.
 * It must never take a recipient's encryption key from anywhere but a verified keyset.
 * @module
 */
import { encodeContent, SecretBytes, sealEnvelope, type Keyset } from '@letterlock/crypto';
import { canonicalize, lifetimes, limits, type Envelope, type EnvelopeHeader } from '@letterlock/protocol';
import type { Identity } from './identity.ts';

/** What is wrapped, for whom and for how long. */
export interface WrapContent {
  /** 1 to 16 segments of `[a-z0-9._-]`; the writer needs a grant with verb `wrap` on it. */
  readonly path: string;
  /** At most 512 KiB with name and type. */
  readonly content: SecretBytes | Uint8Array;
  /** File name, sealed with the content. */
  readonly name?: string | undefined;
  /** Media type, sealed with the content. */
  readonly type?: string | undefined;
  /** Default 86 400, at most 30 days. */
  readonly expiresInSeconds?: number | undefined;
  /** Time for fetching again and acknowledging after the first opening, 15 to 900. Default 60. */
  readonly windowSeconds?: number | undefined;
  /** 22 characters. Default random; the same id again makes a repeated wrap idempotent. */
  readonly id?: string | undefined;
}

/** A sealed envelope; `storable` is the request body, which `curl` can send as it is. */
export interface SealedWrap {
  readonly id: string;
  readonly envelope: Envelope;
  readonly header: EnvelopeHeader;
  /** SHA-256 of the header, 43 characters: names this envelope in receipts. */
  readonly envelopeHash: string;
  readonly storable: string;
}

/**
 * Seals. `iat` is the server's time where it is known: outside ±300 s of it the envelope is refused.
 * @throws RangeError for content or times out of range, 'bad_encoding' for the path. @source protocol.md §5
 */
export async function sealWrap(
  request: WrapContent & { readonly to: Keyset; readonly writer: Identity; readonly iat: number },
): Promise<SealedWrap> {
  const expiresInSeconds = within(
    'expiresInSeconds',
    request.expiresInSeconds ?? lifetimes.onceDefault,
    1,
    lifetimes.onceMaximum,
  );
  const win = within(
    'windowSeconds',
    request.windowSeconds ?? lifetimes.windowDefault,
    lifetimes.windowMinimum,
    lifetimes.windowMaximum,
  );
  using content = contentWithMetadata('wrap', request);
  const { envelope, header, eh } = await sealEnvelope({
    header: {
      ...(request.id === undefined ? {} : { id: request.id }),
      kind: 'once',
      mode: 'e2e',
      path: request.path,
      ver: 1,
      iat: request.iat,
      exp: request.iat + expiresInSeconds,
      win,
      rcp: [`k:${request.to.id}`],
    },
    content,
    recipients: [request.to.enc],
    writer: request.writer.signingKey,
  });
  return { id: header.id, envelope, header, envelopeHash: eh, storable: envelopeBody(envelope) };
}

/** Content behind one line of what is known about it, as it is sealed. @throws RangeError if it is too long */
export function contentWithMetadata(
  action: 'wrap' | 'write',
  request: Pick<WrapContent, 'content' | 'name' | 'type'>,
): SecretBytes {
  const bytes = request.content instanceof SecretBytes ? request.content.expose() : request.content;
  const content = SecretBytes.take(
    encodeContent(
      {
        ...(request.name === undefined ? {} : { name: request.name }),
        ...(request.type === undefined ? {} : { type: request.type }),
      },
      bytes,
    ),
  );
  if (content.lengthBytes <= limits.contentBytes) return content;
  const { lengthBytes } = content;
  content[Symbol.dispose]();
  throw new RangeError(
    `Cannot ${action}: the content has ${lengthBytes} bytes with its metadata, the limit is ${limits.contentBytes}`,
  );
}

/** The canonical request body of an envelope. */
export function envelopeBody(envelope: Envelope): string {
  return canonicalize(envelope);
}

function within(name: string, value: number, minimum: number, maximum: number): number {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw new RangeError(`Cannot wrap: ${name} must be an integer from ${minimum} to ${maximum}`);
}
