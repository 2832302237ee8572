/**
 * JSON schemas for kubeconform, from Kubernetes' own descriptions and from our definitions of resources.
 * It must never allow a member that they do not name.
 * @module
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

type Json = Readonly<Record<string, unknown>>;

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** How kubeconform is told to find them. */
export const schemaPattern = '{{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}.json';

/** Writes a schema for each kind of Kubernetes that stands in these descriptions. */
export function writeKubernetesSchemas(descriptions: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(descriptions).filter((name) => name.endsWith('_openapi.json'))) {
    const { components } = JSON.parse(readFileSync(join(descriptions, file), 'utf8')) as {
      readonly components?: { readonly schemas?: Readonly<Record<string, Json>> };
    };
    const schemas = Object.fromEntries(
      Object.entries(components?.schemas ?? {}).map(([name, schema]) => [name, closed(schema)]),
    );
    for (const [name, schema] of Object.entries(schemas)) {
      const kinds = (schema['x-kubernetes-group-version-kind'] ?? []) as readonly Kind[];
      if (kinds.length !== 1) continue;
      write(folder, kinds[0]!, { $ref: `#/components/schemas/${name}`, components: { schemas } });
    }
  }
}

/** Writes a schema for each version of a definition. */
export function writeDefinitionSchemas(file: string, folder: string): void {
  const { spec } = parse(readFileSync(file, 'utf8')) as {
    readonly spec: {
      readonly group: string;
      readonly names: { readonly kind: string };
      readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Json } }[];
    };
  };
  for (const { name, schema } of spec.versions) {
    const { openAPIV3Schema } = schema;
    const withHead = {
      ...openAPIV3Schema,
      properties: {
        ...(openAPIV3Schema['properties'] as Json),
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { type: 'object', additionalProperties: true },
      },
    };
    write(folder, { group: spec.group, version: name, kind: spec.names.kind }, closed(withHead));
  }
}

/** The same schema, in which objects with known members have no others. */
function closed(schema: Json): Json {
  const inside = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, name === 'default' ? value : closedValue(value)]),
  );
  const isOpen = schema['properties'] === undefined || schema['additionalProperties'] !== undefined;
  return isOpen ? inside : { ...inside, additionalProperties: false };
}

function closedValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closedValue);
  return typeof value === 'object' && value !== null ? closed(value as Json) : value;
}

function write(folder: string, { group, version, kind }: Kind, schema: Json): void {
  // kubeconform takes what stands before a slash in apiVersion, and the core group has none.
  writeFileSync(join(folder, `${group || version}-${version}-${kind}.json`.toLowerCase()), JSON.stringify(schema));
}
