/**
 * What stands inside an envelope: one line of canonical metadata, a newline, the bytes.
 * It must never show metadata outside the encryption.
 * @module
 */
import { canonicalBytes, object, optional, ProblemError, readClaims, text } from '@letterlock/protocol';

/** Longest name and content type, bytes, and longest line that they can make. */
const metadataTextBytes = 1024;
const metadataLineBytes = 16_384;
const newline = 0x0a;

const metadata = object({ name: optional(text(metadataTextBytes)), type: optional(text(metadataTextBytes)) });
/** `name`: a file name for display; `type`: a media type. */
export type ContentMetadata = ReturnType<typeof metadata>;

/** Puts the metadata line before the bytes. The result is a secret of the caller. @throws 'bad_encoding' */
export function encodeContent(about: ContentMetadata, bytes: Uint8Array): Uint8Array {
  const line = canonicalBytes({
    ...(about.name === undefined ? {} : { name: about.name }),
    ...(about.type === undefined ? {} : { type: about.type }),
  });
  readClaims(metadata, line);
  const content = new Uint8Array(line.length + 1 + bytes.length);
  content.set(line);
  content[line.length] = newline;
  content.set(bytes, line.length + 1);
  return content;
}

/** Splits again; `content` is a view of the bytes given. @throws 'bad_encoding' */
export function decodeContent(bytes: Uint8Array): ContentMetadata & { readonly content: Uint8Array } {
  const end = bytes.subarray(0, metadataLineBytes).indexOf(newline);
  if (end < 0) {
    throw new ProblemError('bad_encoding', {
      reason: 'content_metadata',
      detail: 'The content does not begin with a line of metadata',
    });
  }
  return { ...readClaims(metadata, bytes.subarray(0, end)), content: bytes.subarray(end + 1) };
}
