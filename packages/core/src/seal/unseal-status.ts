/**
 * What an admin sees before and after it gives its share (protocol.md §10.4).
 * It must never show one admin another's share.
 * @module
 */
import { ProblemError, type UnsealStatusResponse } from '@letterlock/protocol';
import type { BootKeys } from './boot-keys.ts';
import type { Opened } from './opened.ts';
import { shareNumber, type SealConfiguration } from './seal-configuration.ts';

/** @throws 'denied' unless the admin holds a share */
export function unsealStatusFor(
  adminId: string,
  o: {
    readonly configuration: SealConfiguration;
    readonly opened: Opened | undefined;
    /** Whose shares are waiting for others. */
    readonly givers: readonly string[];
    readonly boot: BootKeys;
    readonly monotonicSeconds: number;
  },
): UnsealStatusResponse {
  const { admins, gen, inst, k, n } = o.configuration;
  const holder = admins.find(({ id }) => id === adminId);
  if (holder === undefined) throw new ProblemError('denied', { reason: 'init_cert' });
  const given = o.opened?.givers ?? o.givers;
  return {
    admins: admins.map(({ id }) => id),
    benc: { ...o.boot.enc.jwk },
    boot: o.boot.boot,
    gen,
    given,
    have: given.length,
    inst,
    k,
    n,
    share: holder.share,
    ...currentTranscript(o.opened, o.monotonicSeconds),
    x: shareNumber(holder),
  };
}

function currentTranscript(opened: Opened | undefined, monotonicSeconds: number): { readonly transcript?: string } {
  if (opened?.transcript === undefined || monotonicSeconds >= opened.transcriptUntil) return {};
  return { transcript: opened.transcript };
}
