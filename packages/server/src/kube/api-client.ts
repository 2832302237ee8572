/**
 * What the rest of this folder needs of the API server: one call, and one stream of lines. The fake implements it too.
 * It must never offer a call without a deadline.
 * @module
 */

export const contentTypes = {
  json: 'application/json',
  /** Server-side apply; JSON is YAML. */
  apply: 'application/apply-patch+yaml',
  merge: 'application/merge-patch+json',
} as const;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute, each name in it escaped; made by `pathOf`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Default: application/json. */
  readonly contentType?: (typeof contentTypes)[keyof typeof contentTypes];
  /** Default 10. */
  readonly timeoutSeconds?: number;
  readonly signal?: AbortSignal;
}

export interface ApiClient {
  /** The answer's body as JSON. @throws ApiError for every other outcome */
  ask(request: ApiRequest): Promise<unknown>;
  /**
   * The lines of an answer that does not end, each parsed; ends when the server ends it.
   * @throws ApiError, with status 0 when the deadline passes
   */
  follow(request: ApiRequest): AsyncIterable<unknown>;
}

export interface ResourcePlace {
  /** `v1`, or `group/version`. */
  readonly apiVersion: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/** Path of a resource, or of the collection without a name. */
export function pathOf({ apiVersion, resource, namespace, name, subresource }: ResourcePlace): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const words = [
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    resource,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return [root, ...words.map(encodeURIComponent)].join('/');
}
