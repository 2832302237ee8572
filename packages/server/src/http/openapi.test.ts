import { describe, expect, test } from '@jest/globals';
import * as protocol from '@letterlock/protocol';
import { problems, routes, type Reader, type Route, type RouteName } from '@letterlock/protocol';
import { apiRoutes } from './api-routes.ts';
import { buildOpenApi, problemsOf, routeDescriptions } from './openapi.ts';
import { bodySchemas, exampleOf, type BodyName, type Schema } from './openapi-schemas.ts';

const names = Object.keys(routes) as RouteName[];
const bodyNames = Object.keys(bodySchemas) as BodyName[];

interface Operation {
  readonly operationId: string;
  readonly requestBody?: unknown;
  readonly parameters?: readonly { readonly name: string }[];
  readonly responses: Readonly<Record<string, unknown>>;
  readonly security: readonly Readonly<Record<string, unknown>>[];
}
const document = buildOpenApi('1') as {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, { readonly properties: Schema }>> };
};

function operationOf(name: RouteName): Operation {
  const { path, method }: Route = routes[name];
  return document.paths[path]![method.toLowerCase()]!;
}

/** The protocol's reader of each body: `OpenRequest` is read by `openRequest`. */
function readerOf(name: BodyName): Reader<unknown> {
  const readers = protocol as unknown as Readonly<Record<string, Reader<unknown> | undefined>>;
  const found = name === 'Empty' ? readers['emptyBody'] : readers[name.charAt(0).toLowerCase() + name.slice(1)];
  if (found === undefined) throw new Error(`No reader for ${name}`);
  return found;
}

const reads = (name: BodyName, value: object): boolean => {
  try {
    readerOf(name)(value as never, '');
    return true;
  } catch {
    return false;
  }
};

describe('buildOpenApi()', () => {
  test('has exactly the routes of the table, and a handler for each', () => {
    const described = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(described.toSorted()).toEqual(names.toSorted());
    expect(Object.keys(apiRoutes).toSorted()).toEqual(names.toSorted());
    expect(document.openapi).toBe('3.1.0');
  });

  test.each(names)('describes %s as the tables say', (name) => {
    const route: Route = routes[name];
    const operation = operationOf(name);
    const successes = Object.keys(operation.responses)
      .map(Number)
      .filter((status) => status < 400);
    expect(successes).toEqual([...route.success]);
    const failures = new Set(problemsOf(name).map((code) => problems[code].status));
    expect(
      new Set(
        Object.keys(operation.responses)
          .map(Number)
          .filter((status) => status >= 400),
      ),
    ).toEqual(failures);
    expect(operation.requestBody === undefined).toBe(route.method !== 'POST');
    expect(operation.parameters?.map((parameter) => parameter.name) ?? []).toEqual(
      [...route.path.matchAll(/\{(\w+)\}/g)].map(([, segment]) => segment),
    );
    expect(operation.security.map((scheme) => Object.keys(scheme)[0])).toEqual(
      { none: [], proof: ['proof'], 'proof-or-mtls': ['proof', 'mutualTls'], 'signed-body': [] }[route.authentication],
    );
  });

  test('names every code of the problem table on some route, but for those that no route of its own has', () => {
    const named = new Set(names.flatMap((name) => [...problemsOf(name)]));
    const others = Object.keys(problems).filter((code) => !named.has(code as never));
    // Replicas are told of their images over gRPC; a method that a path does not have is no operation of the document.
    expect(others).toEqual(['image_not_listed', 'method_not_allowed']);
  });

  test('refers only to schemas that are there', () => {
    const referred = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name!);
    const known = Object.keys(document.components.schemas);
    expect(known.filter((name) => !referred.includes(name))).toEqual([]);
    expect(referred.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('bodySchemas', () => {
  test.each(bodyNames)('%s: its example is what the reader accepts', (name) => {
    const example = exampleOf(bodySchemas[name]) as Record<string, unknown>;
    expect(() => readerOf(name)(example as never, '')).not.toThrow();
  });

  test.each(bodyNames)('%s: exactly the members that the reader requires are required', (name) => {
    const schema: Schema = bodySchemas[name];
    const example = exampleOf(schema) as Record<string, unknown>;
    const required = (schema['required'] ?? []) as readonly string[];
    for (const member of Object.keys(example)) {
      const { [member]: _left, ...rest } = example;
      expect({ member, isOptional: reads(name, rest) }).toEqual({ member, isOptional: !required.includes(member) });
    }
  });

  test.each(bodyNames)('%s: has no room for another member', (name) => {
    const schema: Schema = bodySchemas[name];
    expect(schema['additionalProperties']).toBe(false);
    expect(reads(name, { ...(exampleOf(schema) as object), other: 1 })).toBe(false);
  });

  test.each(bodyNames.filter((name) => !['Empty'].includes(name)))('%s: every member is read', (name) => {
    const example = exampleOf(bodySchemas[name]) as Record<string, unknown>;
    for (const member of Object.keys(example).filter((each) => each !== 'allowed')) {
      expect({ member, reads: reads(name, { ...example, [member]: [[]] }) }).toEqual({ member, reads: false });
    }
  });

  test('describes every request of the table by a schema of its reader', () => {
    for (const name of names) {
      const { request } = routeDescriptions[name];
      expect(request === undefined).toBe((routes[name] as Route).method !== 'POST');
    }
  });
});
