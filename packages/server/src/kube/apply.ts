/**
 * Writes objects by server-side apply, each writer of ours with its own field manager.
 * It must never write a field that it does not own for good.
 * @module
 */
import { contentTypes, pathOf, type ApiClient, type ResourcePlace } from './api-client.ts';
import { readObject, type KubernetesObject } from './kubernetes-object.ts';
import { ApiError } from './api-error.ts';

/** Who owns a field; fixed, since a field of a manager that is gone stays. */
export const fieldManagers = {
  controller: 'letterlock-controller',
  webhook: 'letterlock-webhook',
  delivery: 'letterlock-delivery',
} as const;
export type FieldManager = (typeof fieldManagers)[keyof typeof fieldManagers];

/** An object that is applied: complete in the fields that the manager owns. */
export interface AppliedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [member: string]: unknown };
  readonly [member: string]: unknown;
}

/** @throws ApiError */
export async function applyObject(
  api: ApiClient,
  o: {
    readonly object: AppliedObject;
    readonly resource: string;
    readonly manager: FieldManager;
    readonly subresource?: 'status';
  },
): Promise<KubernetesObject> {
  const { name, namespace } = o.object.metadata;
  const place: ResourcePlace = {
    apiVersion: o.object.apiVersion,
    resource: o.resource,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(o.subresource === undefined ? {} : { subresource: o.subresource }),
  };
  const answer = await api.ask({
    method: 'PATCH',
    path: pathOf(place),
    // What somebody else wrote into our fields is not kept.
    query: { fieldManager: o.manager, force: 'true' },
    contentType: contentTypes.apply,
    body: o.object,
  });
  const stored = readObject(answer);
  if (stored?.metadata.name !== name || stored.metadata.namespace !== namespace) {
    throw new ApiError(0, 'AnswerUnreadable');
  }
  return stored;
}
