/**
 * Gives a namespace the ConfigMap by which its agents know the service.
 * It must never give it an owner: a guarded object that has one is never collected.
 * @module
 */
import { trustConfigMap } from '@letterlock/protocol';
import { hasStatus } from './api-error.ts';
import { applyObject, fieldManagers } from './apply.ts';
import type { ControllerView, Reconcile } from './controller-ports.ts';

const trustEverySeconds = 600;

/** @returns for a namespace's name */
export function createTrustWriter({ options, namespaces }: ControllerView): Reconcile {
  return async (namespace) => {
    if (namespaces.get(namespace)?.metadata.deletionTimestamp !== undefined) return undefined;
    const sources = options.unsealed();
    if (sources === undefined) return undefined;
    try {
      await applyObject(options.api, {
        object: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: trustConfigMap.name, namespace },
          data: sources.trust(),
        },
        resource: 'configmaps',
        manager: fieldManagers.controller,
      });
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
    return trustEverySeconds;
  };
}
