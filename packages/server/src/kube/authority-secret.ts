/**
 * The Secret that keeps the webhook's CA, and the configuration of the webhook that names whom the API server trusts.
 * It must never log what the Secret holds, nor overwrite what another replica wrote meanwhile.
 * @module
 */
import { hasStatus } from './api-error.ts';
import { contentTypes, pathOf, type ApiClient } from './api-client.ts';
import { fieldManagers } from './apply.ts';
import { isRecord, readObject } from './kubernetes-object.ts';

export interface StoredData {
  /** Base64 each. */
  readonly data: Readonly<Record<string, string>>;
  readonly resourceVersion: string;
}

const component = { 'app.kubernetes.io/managed-by': 'letterlock' };

/** Undefined when there is none. @throws ApiError */
export async function readSecretData(
  api: ApiClient,
  o: { readonly namespace: string; readonly name: string },
): Promise<StoredData | undefined> {
  try {
    const secret = readObject(
      await api.ask({ method: 'GET', path: pathOf({ apiVersion: 'v1', resource: 'secrets', ...o }) }),
    );
    if (secret === undefined) return undefined;
    const data = isRecord(secret['data']) ? secret['data'] : {};
    const texts = Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    return { data: Object.fromEntries(texts), resourceVersion: secret.metadata.resourceVersion };
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

/** Creates the Secret, or replaces the version that was read. @returns false when another replica was faster. @throws ApiError */
export async function writeSecretData(
  api: ApiClient,
  o: {
    readonly namespace: string;
    readonly name: string;
    readonly data: StoredData['data'];
    readonly before: StoredData | undefined;
  },
): Promise<boolean> {
  const { namespace, name, data, before } = o;
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      name,
      namespace,
      labels: component,
      ...(before === undefined ? {} : { resourceVersion: before.resourceVersion }),
    },
    data,
  };
  const collection = { apiVersion: 'v1', resource: 'secrets', namespace };
  try {
    await (before === undefined
      ? api.ask({ method: 'POST', path: pathOf(collection), body })
      : api.ask({ method: 'PUT', path: pathOf({ ...collection, name }), body }));
    return true;
  } catch (error) {
    if (hasStatus(error, 409)) return false;
    throw error;
  }
}

/** Writes whom the API server trusts into every entry of ours that says otherwise. @returns how many. @throws ApiError */
export async function applyCaBundle(
  api: ApiClient,
  o: { readonly configuration: string; readonly caBundle: string },
): Promise<number> {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const path = pathOf({ apiVersion, resource: 'mutatingwebhookconfigurations', name: o.configuration });
  const found = readObject(await api.ask({ method: 'GET', path }));
  const entries = Array.isArray(found?.['webhooks']) ? (found['webhooks'] as readonly unknown[]) : [];
  const ours = entries.flatMap((entry) => {
    const name = isRecord(entry) ? entry['name'] : undefined;
    const client = isRecord(entry) ? entry['clientConfig'] : undefined;
    if (typeof name !== 'string' || !isRecord(client)) return [];
    return [{ name, isCurrent: client['caBundle'] === o.caBundle }];
  });
  const stale = ours.filter(({ isCurrent }) => !isCurrent);
  if (stale.length === 0) return 0;
  await api.ask({
    method: 'PATCH',
    path,
    query: { fieldManager: fieldManagers.webhook, force: 'true' },
    contentType: contentTypes.apply,
    body: {
      apiVersion,
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: o.configuration },
      // All of them: what a manager does not repeat it gives up.
      webhooks: ours.map(({ name }) => ({ name, clientConfig: { caBundle: o.caBundle } })),
    },
  });
  return stale.length;
}
