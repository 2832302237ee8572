import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '../..');

const banned = [
  {
    name: 'process in core',
    file: 'packages/core/src/a.ts',
    text: 'export const a = process.pid;',
    rule: 'no-restricted-globals',
  },
  {
    name: 'process in protocol',
    file: 'packages/protocol/src/a.ts',
    text: 'export const a = process.pid;',
    rule: 'no-restricted-globals',
  },
  {
    name: 'fetch in core',
    file: 'packages/core/src/b.ts',
    text: "export const a = fetch('x');",
    rule: 'no-restricted-globals',
  },
  {
    name: 'Date.now in core',
    file: 'packages/core/src/c.ts',
    text: 'export const a = Date.now();',
    rule: 'no-restricted-properties',
  },
  {
    name: 'Math.random in protocol',
    file: 'packages/protocol/src/d.ts',
    text: 'export const a = Math.random();',
    rule: 'no-restricted-properties',
  },
  {
    name: 'node-forge in crypto',
    file: 'packages/crypto/src/e.ts',
    text: "export { pki } from 'node-forge';",
    rule: 'no-restricted-imports',
  },
  {
    name: 'node-forge in another file of the CLI',
    file: 'packages/cli/src/f.ts',
    text: "import forge from 'node-forge';\nexport const a = forge;",
    rule: 'no-restricted-imports',
  },
  {
    name: 'decodeJwt',
    file: 'packages/crypto/src/g.ts',
    text: "import { decodeJwt } from 'jose';\nexport const a = decodeJwt;",
    rule: 'no-restricted-imports',
  },
  {
    name: 'EmbeddedJWK',
    file: 'packages/crypto/src/h.ts',
    text: "import { EmbeddedJWK } from 'jose';\nexport const a = EmbeddedJWK;",
    rule: 'no-restricted-imports',
  },
  {
    name: 'createRemoteJWKSet',
    file: 'packages/crypto/src/i.ts',
    text: "import { createRemoteJWKSet } from 'jose';\nexport const a = createRemoteJWKSet;",
    rule: 'no-restricted-imports',
  },
  {
    name: 'jest.mock',
    file: 'packages/core/src/j.test.ts',
    text: "import { jest } from '@jest/globals';\njest.mock('./a.ts');",
    rule: 'no-restricted-jest-methods',
  },
  {
    name: 'an unawaited promise',
    file: 'packages/server/src/k.ts',
    text: 'export function a(work: Promise<void>): void {\n  work;\n}',
    rule: 'no-floating-promises',
  },
];

const allowed = [
  { name: 'process in server', file: 'packages/server/src/l.ts', text: 'export const a = process.pid;' },
  {
    name: 'node-forge in pkcs12',
    file: 'packages/cli/src/pkcs12-child.ts',
    text: "import forge from 'node-forge';\nexport const a = forge;",
  },
  {
    name: 'jose elsewhere',
    file: 'packages/crypto/src/m.ts',
    text: "import { compactVerify } from 'jose';\nexport const a = compactVerify;",
  },
];

interface Finding {
  readonly code: string;
  readonly filename: string;
}

let findings: readonly Finding[];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-lint-'));
  cpSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  writeFileSync(join(folder, 'tsconfig.json'), '{ "include": ["packages"] }');
  for (const { file, text } of [...banned, ...allowed]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `${text}\n`);
  }
  findings = lint();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function lint(): readonly Finding[] {
  const environment = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` };
  try {
    execFileSync('oxlint', ['--format', 'json'], { cwd: folder, env: environment, encoding: 'utf8', stdio: 'pipe' });
    return [];
  } catch (error) {
    const { stdout } = error as { readonly stdout: string };
    return (JSON.parse(stdout) as { readonly diagnostics: readonly Finding[] }).diagnostics;
  }
}

describe('the lint rules', () => {
  test.each(banned)('refuse $name', ({ file, rule }) => {
    const codes = findings.filter((finding) => finding.filename.endsWith(file)).map((finding) => finding.code);
    expect(codes).toContainEqual(expect.stringContaining(rule));
  });

  test.each(allowed)('allow $name', ({ file }) => {
    expect(findings.filter((finding) => finding.filename.endsWith(file))).toEqual([]);
  });
});
