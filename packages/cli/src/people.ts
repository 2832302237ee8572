/**
 * Other identities as this user knows them: names, newest keysets, warnings.
 * It must never use a keyset before it was compared with what was seen before.
 * @module
 */
import type { Keyset, LetterlockClient } from '@letterlock/client';
import type { Context } from './context.ts';
import { usage } from './exit-status.ts';

/** What is needed to know other people. */
export type PeopleContext = Pick<Context, 'knownIdentities' | 'output' | 'progress' | 'signal'>;
/** Where keysets come from. */
export interface KeysetSource {
  readonly client: Pick<LetterlockClient, 'identity'>;
}

/** Fetches, verifies and remembers the keyset of a name or an id; warns of a name that somebody else has. */
export async function fetchKeyset(context: PeopleContext, source: KeysetSource, nameOrId: string): Promise<Keyset> {
  const id = context.knownIdentities.resolve(nameOrId);
  const keyset = await context.progress(
    'Fetching the identity',
    source.client.identity(id, { signal: context.signal }),
  );
  noticeKeyset(context, keyset);
  return keyset;
}

/** Remembers a verified keyset. @throws integrity if it is older than one seen before */
export function noticeKeyset(context: PeopleContext, keyset: Keyset): void {
  const conflict = context.knownIdentities.conflictOf(keyset);
  if (conflict !== undefined) {
    context.output.warn(
      `${keyset.id} calls itself ${conflict.name}, and that name belongs to ${conflict.otherId} here: somebody may pose as ${conflict.name}.`,
    );
  }
  context.knownIdentities.see(keyset);
}

/** An id with the name that is pinned for it. */
export function nameAndId(context: Pick<Context, 'knownIdentities'>, id: string): string {
  const name = context.knownIdentities.nameOf(id);
  return name === undefined ? id : `${name} (${id})`;
}

/** Who a grant is for: a pinned name, an identity id, or a workload. @throws usage */
export function resolveGrantee(context: Context, text: string): string {
  return text.startsWith('spiffe://') ? text : context.knownIdentities.resolve(text);
}

/** The value of an option that the verb cannot do without. @throws usage */
export function required(value: string | undefined, option: string, what: string): string {
  if (value === undefined) throw usage(`Cannot run: ${option} is missing`, `give ${what}`);
  return value;
}

/** @throws usage unless it has the form of a wrap id */
export function checkWrapId(id: string): string {
  if (!/^[A-Za-z0-9_-]{21}[AQgw]$/.test(id))
    throw usage(
      'Cannot use the wrap id: it has 22 characters of base64url',
      'copy it from the output of "letterlock wrap"',
    );
  return id;
}
