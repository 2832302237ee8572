/**
 * docs/reference/http-api.md, from the table of routes and the OpenAPI document.
 * It must never describe a route that the server does not serve.
 * @module
 */
import { problems, routes, type Route, type RouteAuthentication } from '@letterlock/protocol';
import { buildOpenApi } from '@letterlock/server';
import { generatedNotice, table } from './markdown.ts';

interface Operation {
  readonly summary: string;
  readonly responses: Readonly<Record<string, unknown>>;
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: { readonly $ref?: string } }>>;
  };
}

const callers: Readonly<Record<RouteAuthentication, string>> = {
  none: 'nobody in particular',
  proof: 'proof',
  'proof-or-mtls': 'proof, or TLS client certificate',
  'signed-body': 'signature inside the body',
};

/** The whole page. */
export function generateHttpApi(): string {
  const document = buildOpenApi('0.0.0') as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  };
  const rows = Object.values(routes).map((route: Route) => {
    const operation = document.paths[route.path]![route.method.toLowerCase()]!;
    const body = operation.requestBody?.content['application/json']?.schema.$ref?.split('/').at(-1);
    const refusals = Object.keys(operation.responses).filter((status) => !route.success.includes(Number(status)));
    return [
      `\`${route.method} ${route.path}\``,
      operation.summary,
      callers[route.authentication],
      body === undefined ? 'none' : `\`${body}\``,
      route.success.join(', '),
      refusals.join(', '),
      route.whileSealed ? 'yes' : 'no',
    ];
  });
  return `# HTTP API

${generatedNotice}

The schemas are in the OpenAPI 3.1 document that each server serves at \`${routes.openapi.path}\`; formats, proofs and rules are in
[the protocol](../protocol.md). HTTP/1.1 over TLS 1.3; bodies are canonical JSON with \`Content-Type: application/json\`; errors are the
${Object.keys(problems).length} codes of [errors](errors.md).

${table(['route', 'does', 'caller', 'body', 'success', 'refusals', 'while sealed'], rows)}
`;
}
