/**
 * docs/reference/errors.md, from the problem table.
 * It must never hold a code of its own: a code that the table lacks does not exist.
 * @module
 */
import { problems, type ProblemCode } from '@letterlock/protocol';
import { generatedNotice, table } from './markdown.ts';

/** When each code is answered, and what a person does then. */
const meanings: Readonly<Record<ProblemCode, readonly [when: string, then: string]>> = {
  bad_request: ['path, query string or framing', 'correct the client'],
  bad_encoding: [
    'not canonical base64url, JSON or UTF-8; a member unknown, missing or mistyped',
    'correct the client; `jq -cSj .` writes canonical JSON',
  ],
  bad_key: [
    'a key outside the policy, or in a second spelling',
    'use P-256, P-384, Ed25519, X25519, or RSA from 2048 to 4096 bits with e = 65537',
  ],
  bad_envelope: ['algorithms, hashes, signature, limits or times of an envelope; one text for all', 'seal it again'],
  unknown_recipient: [
    'the recipient is not registered, or the slot is for an older key',
    'fetch the keyset again and seal again',
  ],
  bad_nonce: [
    'the nonce is unknown, of another process, expired or used',
    'sign again with the nonce of this answer, at most twice; SDK and CLI do',
  ],
  bad_proof: [
    'any other fault of a proof; an unknown or revoked key',
    'check key, target and clock with `letterlock doctor`',
  ],
  channel_required: [
    'the proof is not bound to this TLS connection',
    'connect without anything that ends TLS in between',
  ],
  denied: [
    'a known identity without the grant; evidence that does not hold',
    'ask an admin; `letterlock explain` says which grant is missing',
  ],
  image_not_listed: [
    'of replicas only: a server image that the admins have not listed is not unsealed by another replica',
    '`letterlock quorum images` with its digest, or `letterlock unseal`',
  ],
  not_found: ['absent, or the caller is not a party to it', 'check the id and the key'],
  method_not_allowed: ['another method than the route has', 'see `Allow`'],
  already_claimed: [
    'another claim holds the wrap; with `st`, `at`, `rcpt`',
    'resume with the claim that you saved; if you made none, somebody else has your key',
  ],
  conflict: [
    'other content under this id, a lower `seq`, or another state than the request needs',
    'read the state, then decide',
  ],
  rollback_quarantine: ['the store went backwards', 'admins decide'],
  gone: [
    'opened, burned, expired or revoked; with `st`, `at`, `rcpt`, and to the parties `kid` and `proof`',
    'ask the writer to wrap again',
  ],
  too_large: ['a body over 1 MiB or a proof over 4 KiB', 'send less'],
  unsupported_media: [
    'another content type than `application/json`, or a content encoding',
    'send canonical JSON without compression',
  ],
  rate: [
    'too many failed proofs, or a quota (live wraps, live versions of secrets); with `Retry-After`',
    'wait, or have the quota raised',
  ],
  headers_too_large: ['more than 16 KiB or 100 lines of headers', 'send less'],
  internal: ['the service failed; a stored record that does not verify', 'see the log by the request id'],
  sealed: ['the service has no key in memory', 'an admin runs `letterlock unseal`'],
  uninitialised: ['the service has never been initialised', 'an admin runs `letterlock init`'],
  unavailable: [
    'the store or the audit trail does not answer',
    'try again; the outcome of a write is resolved by reading',
  ],
};

/** The whole page. */
export function generateErrors(): string {
  const rows = (Object.keys(problems) as ProblemCode[]).map((code) => [
    `\`${code}\``,
    String(problems[code].status),
    String(problems[code].exit),
    problems[code].title,
    ...meanings[code],
  ]);
  return `# Errors

${generatedNotice}

Every error is an \`application/problem+json\` document (RFC 9457): \`type\` = \`urn:letterlock:error:<code>\`, \`code\`, \`status\`, \`title\`
(constant for the code), \`detail\` (what is wrong with the form, and the limit; never a value) and \`instance\`, the request id that the
server's log also carries. “exit” is the exit status of the CLI: 2 usage, 3 authentication, 4 denied, 5 gone, 6 sealed, 7 unavailable,
8 integrity.

${table(['code', 'status', 'exit', 'title', 'when', 'what to do'], rows)}
`;
}
