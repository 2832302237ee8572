/**
 * Why a wrap cannot be opened or revoked any more: by whom, when, and whether that is proved.
 * It must never present the bare word of a server as proved.
 * @module
 */
import { isProblemError } from '@letterlock/protocol';
import type { Context } from './context.ts';
import { CommandError } from './exit-status.ts';
import { nameAndId } from './people.ts';
import { describeState } from './receipts.ts';

/** `gone` and `already_claimed` as a sentence with time and key; anything else as it is. */
export function explainRefusal(context: Context, action: 'open' | 'revoke' | 'read', error: unknown): unknown {
  if (!isProblemError(error) || (error.code !== 'gone' && error.code !== 'already_claimed')) return error;
  const { st, at, kid } = error.members;
  if (st === undefined || at === undefined) return error;
  const state = describeState(
    { st: st as 'OPENED', at },
    kid === undefined ? undefined : `key ${nameAndId(context, kid)}`,
  );
  const isProven = (error as { readonly receipt?: unknown }).receipt !== undefined;
  const proof = isProven ? 'proved by a receipt' : 'not proved: the answer has no valid receipt';
  const wasOpened = ['CLAIMED', 'OPENED', 'BURNED'].includes(st);
  const next =
    action === 'open' && wasOpened
      ? 'if that was not you, somebody has your key: tell the writer, and have your identity revoked'
      : 'ask the writer to wrap it again';
  // What ends a secret's version is told by the same word, but nobody opened it.
  const words = action === 'read' ? state.replace(', never opened', '') : state;
  return new CommandError('gone', `Cannot ${action}: ${words} (${proof})`, action === 'open' ? next : undefined, error);
}

/** What a secret's verbs are refused with, in words of secrets; anything else as it is. */
export function explainSecretRefusal(context: Context, path: string, error: unknown): unknown {
  if (!isProblemError(error)) return error;
  const { ver } = error.members;
  if (error.code === 'conflict' && ver !== undefined) {
    return new CommandError(
      'usage',
      `Cannot write ${path}: its latest version is ${ver} already`,
      `look at it with "letterlock secret read", then write version ${ver + 1} or leave --ver out`,
      error,
    );
  }
  if (error.code === 'not_found') {
    return new CommandError(
      'authentication',
      `Cannot find ${path}: nothing is here for this caller`,
      'check the path and the version, that you have a grant for it, and that it was written for your key',
      error,
    );
  }
  return explainRefusal(context, 'read', error);
}
