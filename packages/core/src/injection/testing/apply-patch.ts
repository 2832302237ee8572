/**
 * Applies a JSON Patch as RFC 6902 says, written without a look at what makes them: for the property of the patches.
 * It must never forgive a path that does not exist.
 * @module
 */
type Node = Record<string, unknown> | unknown[];

export function applyPatch(document: unknown, operations: readonly object[]): unknown {
  // Through text, as over the wire: a clone would keep two equal parts one and the same.
  const root = { document: JSON.parse(JSON.stringify(document)) as unknown };
  for (const operation of operations as readonly { op: string; path: string; value?: unknown }[]) {
    const tokens = operation.path.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = tokens.length === 1 ? 'document' : tokens.at(-1)!;
    let parent: Node = root;
    if (tokens.length > 1) {
      for (const token of ['document', ...tokens.slice(1, -1)]) parent = child(parent, token) as Node;
    }
    applyAt(parent, last, operation);
  }
  return root.document;
}

function applyAt(parent: Node, token: string, { op, value }: { op: string; value?: unknown }): void {
  if (op !== 'add') child(parent, token);
  if (Array.isArray(parent)) {
    const index = token === '-' ? parent.length : Number(token);
    if (!/^(?:0|[1-9]\d*|-)$/.test(token) || index > parent.length) throw new RangeError(`No index ${token}`);
    parent.splice(index, op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [value]));
  } else if (op === 'remove') delete parent[token];
  else
    Object.defineProperty(parent, token, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
}

function child(parent: Node, token: string): unknown {
  if (Array.isArray(parent) ? !(Number(token) < parent.length) : !Object.hasOwn(parent, token)) {
    throw new RangeError(`No member ${token}`);
  }
  return (parent as Record<string, unknown>)[token];
}
