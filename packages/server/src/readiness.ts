/**
 * Why this process cannot serve, found in one place for /readyz and for the metric of the same names.
 * It must never wait for the store longer than a probe waits, nor name anything that a client chose.
 * @module
 */
import type { Store } from '@letterlock/core';
import { serviceStates, type ServiceState } from '@letterlock/protocol';
import type { StoreSpace } from './open-store.ts';

export interface ReadinessSources {
  readonly state: () => ServiceState;
  readonly isDraining: () => boolean;
  /** Why right shares open nothing, or would not; undefined: no reason is known. */
  readonly alarm: () => string | undefined;
  /** Another replica has said that the image of this one is not listed. */
  readonly isImageUnlisted: () => boolean;
  /** Too many audit records are without an answer. */
  readonly isAuditBlocked: () => boolean;
  readonly isSinkFailing: () => boolean;
  readonly isChainBroken: () => boolean;
  readonly store: Store;
  readonly storeSpace: () => StoreSpace | undefined;
}

/** Stands for every alarm of the installation; /readyz has its own name. */
const installationReason = 'installation';

/** Everything that a reason can be in the metrics. */
export const unreadyReasons = [
  'draining',
  ...serviceStates.filter((state) => state !== 'unsealed'),
  'image_not_listed',
  installationReason,
  'audit_blocked',
  'audit_sink',
  'audit_chain',
  'store_full',
  'store_unavailable',
] as const satisfies readonly string[];

const storeMilliseconds = 1000;
/** Part of the store's quota from which there is a warning: enough is left to act before nothing can be written. */
const warnedPart = 0.8;

/** Empty when the process can serve. */
export async function findUnreadyReasons(sources: ReadinessSources): Promise<readonly string[]> {
  const { store } = sources;
  const state = sources.state();
  const alarm = sources.alarm();
  const isStoreAnswering = await answers(store);
  return [
    ...(sources.isDraining() ? ['draining'] : []),
    ...(state === 'unsealed' ? [] : [state]),
    ...(state === 'sealed' && sources.isImageUnlisted() ? ['image_not_listed'] : []),
    ...(alarm === undefined ? [] : [alarm]),
    ...(sources.isAuditBlocked() ? ['audit_blocked'] : []),
    ...(sources.isSinkFailing() ? ['audit_sink'] : []),
    ...(sources.isChainBroken() ? ['audit_chain'] : []),
    ...(sources.storeSpace()?.isFull === true ? ['store_full'] : []),
    ...(isStoreAnswering ? [] : ['store_unavailable']),
  ];
}

/**
 * What will stop the process if nobody acts. It stays ready: all replicas see the same store, so that a warning
 * which took them out of service would be the outage that it warns of.
 */
export function findWarnings({ storeSpace }: Pick<ReadinessSources, 'storeSpace'>): readonly string[] {
  const space = storeSpace();
  return space !== undefined && space.databaseBytes >= space.quotaBytes * warnedPart ? ['store_nearly_full'] : [];
}

/** The reason as a label: one of `unreadyReasons`. */
export function labelOfReason(reason: string): string {
  return (unreadyReasons as readonly string[]).includes(reason) ? reason : installationReason;
}

async function answers(store: Store): Promise<boolean> {
  try {
    await store.range({ prefix: 'sys/', limit: 1 }, { signal: AbortSignal.timeout(storeMilliseconds) });
    return true;
  } catch {
    return false;
  }
}
