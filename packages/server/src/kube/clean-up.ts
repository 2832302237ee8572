/**
 * What a service leaves in a cluster that Helm does not know of, taken away after it is gone: its Secret and Lease, the trust of
 * every namespace, the recipients, and the finalizers that nobody would take off bindings any more.
 * It must never run beside a service, nor touch a binding's content or an object of somebody else.
 * @module
 */
import { kubernetesGroup, trustConfigMap } from '@letterlock/protocol';
import { hasStatus } from './api-error.ts';
import { contentTypes, pathOf, type ApiClient } from './api-client.ts';
import { fieldManagers } from './apply.ts';
import { isRecord, readObject, type KubernetesObject } from './kubernetes-object.ts';

export interface CleanUpOptions {
  readonly api: ApiClient;
  /** Of the service. */
  readonly namespace: string;
  /** Names of what it made for itself. */
  readonly secret: string;
  readonly lease: string;
}

/** How many of each were taken away. */
export interface CleanedUp {
  readonly secrets: number;
  readonly leases: number;
  readonly trusts: number;
  readonly recipients: number;
  /** Bindings that were held back. */
  readonly bindings: number;
}

const group = `${kubernetesGroup}/v1alpha1`;
const pageSize = 500;

/** Does it all; what is not there is none. Safe to repeat. @throws ApiError */
export async function cleanUp({ api, namespace, secret, lease }: CleanUpOptions): Promise<CleanedUp> {
  const own = { namespace };
  const trusts = await listAll(api, pathOf({ apiVersion: 'v1', resource: 'configmaps' }), {
    fieldSelector: `metadata.name=${trustConfigMap.name}`,
  });
  const recipients = await listAll(api, pathOf({ apiVersion: group, resource: 'secretrecipients' }));
  const bindings = await listAll(api, pathOf({ apiVersion: group, resource: 'secretbindings' }));
  return {
    secrets: await removeAll(api, [pathOf({ apiVersion: 'v1', resource: 'secrets', name: secret, ...own })]),
    leases: await removeAll(api, [
      pathOf({ apiVersion: 'coordination.k8s.io/v1', resource: 'leases', name: lease, ...own }),
    ]),
    trusts: await removeAll(
      api,
      trusts
        .filter((object) => object.metadata.name === trustConfigMap.name && isOurs(object))
        .map((object) => placeOf('v1', 'configmaps', object)),
    ),
    recipients: await removeAll(
      api,
      recipients.map((object) => placeOf(group, 'secretrecipients', object)),
    ),
    bindings: await releaseAll(api, bindings),
  };
}

async function listAll(
  api: ApiClient,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<readonly KubernetesObject[]> {
  const found: KubernetesObject[] = [];
  let from: string | undefined;
  try {
    do {
      const page = await api.ask({
        method: 'GET',
        path,
        query: { ...query, limit: String(pageSize), ...(from === undefined ? {} : { continue: from }) },
      });
      const items = isRecord(page) && Array.isArray(page['items']) ? (page['items'] as readonly unknown[]) : [];
      found.push(...items.flatMap((item) => readObject(item) ?? []));
      const metadata = isRecord(page) && isRecord(page['metadata']) ? page['metadata'] : {};
      from = typeof metadata['continue'] === 'string' && metadata['continue'] !== '' ? metadata['continue'] : undefined;
    } while (from !== undefined);
  } catch (error) {
    // The definitions may be gone, and with them all objects of them.
    if (hasStatus(error, 404)) return [];
    throw error;
  }
  return found;
}

/** @returns how many were there */
async function removeAll(api: ApiClient, paths: readonly string[]): Promise<number> {
  let removed = 0;
  for (const path of paths) {
    try {
      await api.ask({ method: 'DELETE', path });
      removed += 1;
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
  }
  return removed;
}

/** Takes our finalizers off, and no others. @returns of how many bindings */
async function releaseAll(api: ApiClient, bindings: readonly KubernetesObject[]): Promise<number> {
  let released = 0;
  for (const object of bindings) {
    const { finalizers = [], resourceVersion } = object.metadata;
    const left = finalizers.filter((each) => !each.startsWith(`${kubernetesGroup}/`));
    if (left.length === finalizers.length) continue;
    try {
      await api.ask({
        method: 'PATCH',
        path: placeOf(group, 'secretbindings', object),
        contentType: contentTypes.merge,
        query: { fieldManager: fieldManagers.controller },
        // Refused when somebody else was faster, so that no finalizer of theirs is lost.
        body: { metadata: { finalizers: left, resourceVersion } },
      });
      released += 1;
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
  }
  return released;
}

/** The name alone says nothing where the guards were off. */
function isOurs({ metadata }: KubernetesObject): boolean {
  const { managedFields } = metadata as typeof metadata & { readonly managedFields?: unknown };
  return (
    Array.isArray(managedFields) &&
    managedFields.some((each) => isRecord(each) && each['manager'] === fieldManagers.controller)
  );
}

function placeOf(apiVersion: string, resource: string, { metadata }: KubernetesObject): string {
  const { namespace, name } = metadata;
  return pathOf({ apiVersion, resource, name, ...(namespace === undefined ? {} : { namespace }) });
}
