/**
 * Finds the route of a path and a method in the table of routes, by whole segments.
 * It must never look at anything but path and method.
 * @module
 */
import {
  hash,
  identifier,
  matching,
  ProblemError,
  routes,
  type Reader,
  type Route,
  type RouteName,
} from '@letterlock/protocol';

/** Values of the path's variable segments, by name. */
export type Segments = Readonly<Record<string, string>>;

export interface RouteMatch {
  readonly name: RouteName;
  readonly route: Route;
  readonly segments: Segments;
}

/** Forms of the variable segments, by the fixed segment before them. */
const segmentForms: Readonly<Record<string, Reader<string>>> = {
  wraps: identifier,
  identities: hash,
  bindings: matching(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'a namespace'),
  '{ns}': matching(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'a name of a binding'),
};

interface Node {
  readonly fixed: Map<string, Node>;
  readonly methods: Map<string, { readonly name: RouteName; readonly route: Route }>;
  variable: { readonly name: string; readonly form: Reader<string>; readonly node: Node } | undefined;
}

const root = buildTree();
const noSegments: Segments = {};

/**
 * The route that serves a request.
 * @param path - already checked by isRequestPath. @throws 'not_found', 'method_not_allowed', 'bad_request'
 */
export function findRoute(method: string, path: string): RouteMatch {
  let node = root;
  let segments: Record<string, string> | undefined;
  let malformed = false;
  for (const segment of path.slice(1).split('/')) {
    const fixed = node.fixed.get(segment);
    if (fixed !== undefined) node = fixed;
    else if (node.variable === undefined) throw new ProblemError('not_found', { reason: 'no_such_route' });
    else {
      malformed ||= !reads(node.variable.form, segment);
      segments = { ...segments, [node.variable.name]: segment };
      node = node.variable.node;
    }
  }
  if (node.methods.size === 0) throw new ProblemError('not_found', { reason: 'no_such_route' });
  const found = node.methods.get(method);
  if (found === undefined) {
    throw new ProblemError('method_not_allowed', { reason: 'method_undeclared', allow: [...node.methods.keys()] });
  }
  if (malformed) {
    throw new ProblemError('bad_request', { reason: 'bad_path', detail: 'A segment of the path is not an identifier' });
  }
  return { ...found, segments: segments ?? noSegments };
}

function reads(form: Reader<string>, segment: string): boolean {
  try {
    form(segment, '');
    return true;
  } catch {
    return false;
  }
}

function buildTree(): Node {
  const tree = emptyNode();
  for (const [name, route] of Object.entries(routes) as readonly (readonly [RouteName, Route])[]) {
    let node = tree;
    let previous = '';
    for (const segment of route.path.slice(1).split('/')) {
      node = childOf(node, segment, previous);
      previous = segment;
    }
    node.methods.set(route.method, { name, route });
  }
  return tree;
}

function childOf(node: Node, segment: string, previous: string): Node {
  const variable = /^\{(\w+)\}$/.exec(segment)?.[1];
  if (variable === undefined) {
    const child = node.fixed.get(segment) ?? emptyNode();
    node.fixed.set(segment, child);
    return child;
  }
  const form = segmentForms[previous];
  if (form === undefined) throw new TypeError(`No form is known for the segment after ${previous}`);
  node.variable ??= { name: variable, form, node: emptyNode() };
  return node.variable.node;
}

function emptyNode(): Node {
  return { fixed: new Map(), methods: new Map(), variable: undefined };
}
