import { describe, expect, test } from '@jest/globals';
import { checkLayers, type PackageExports } from './check-layers.ts';

const packageExports: PackageExports = {
  protocol: ['.'],
  crypto: ['.'],
  core: ['.', './testing'],
  server: ['.', './main', './config'],
  client: ['.', './testing'],
  cli: ['.'],
};

function reasons(path: string, text: string): readonly string[] {
  return checkLayers([{ path, text }], packageExports).map(({ line, reason }) => `${line}: ${reason}`);
}

describe('checkLayers()', () => {
  test.each([
    { name: 'protocol its own files', path: 'packages/protocol/src/a.ts', text: "import { b } from './b.ts';" },
    { name: 'crypto jose', path: 'packages/crypto/src/a.ts', text: "import { compactVerify } from 'jose';" },
    { name: 'crypto node:crypto', path: 'packages/crypto/src/a.ts', text: "import { hkdfSync } from 'node:crypto';" },
    { name: 'core/wraps the store', path: 'packages/core/src/wraps/a.ts', text: "import { b } from '../store/b.ts';" },
    {
      name: "core/wraps policy's types",
      path: 'packages/core/src/wraps/a.ts',
      text: "import type { Permitted } from '../policy/b.ts';",
    },
    {
      name: 'core/wraps one type of policy',
      path: 'packages/core/src/wraps/a.ts',
      text: "import { type Permitted } from '../policy/b.ts';",
    },
    {
      name: 'core/identities audit',
      path: 'packages/core/src/identities/a.ts',
      text: "import { b } from '../audit/b.ts';",
    },
    {
      name: 'core/ca @peculiar/x509',
      path: 'packages/core/src/ca/a.ts',
      text: "import 'reflect-metadata';\nimport { X } from '@peculiar/x509';",
    },
    {
      name: "core's index every folder",
      path: 'packages/core/src/index.ts',
      text: "export * from './wraps/a.ts';\nexport * from './ca/a.ts';",
    },
    {
      name: 'server/http express',
      path: 'packages/server/src/http/a.ts',
      text: "import express from 'express';\nimport { createServer } from 'node:https';",
    },
    {
      name: "server/http pino's types",
      path: 'packages/server/src/http/a.ts',
      text: "import type { Logger } from 'pino';",
    },
    {
      name: "the server's main everything",
      path: 'packages/server/src/main.ts',
      text: "import { a } from './http/a.ts';\nimport { b } from '@letterlock/core';\nimport pino from 'pino';",
    },
    {
      name: "the CLI's server verb the server",
      path: 'packages/cli/src/verbs/server.ts',
      text: "import { start } from '@letterlock/server/main';",
    },
    {
      name: "the CLI's pkcs12 node-forge",
      path: 'packages/cli/src/pkcs12.ts',
      text: "import forge from 'node-forge';",
    },
    {
      name: "the client's testing entry the server",
      path: 'packages/client/src/testing.ts',
      text: "import { start } from '@letterlock/server/main';",
    },
    {
      name: 'a test the fakes',
      path: 'packages/core/src/wraps/a.test.ts',
      text: "import { fake } from '../store/testing/fake.ts';\nimport fc from 'fast-check';",
    },
    {
      name: "another package's test the fakes",
      path: 'packages/server/src/http/a.test.ts',
      text: "import { fake } from '@letterlock/core/testing';",
    },
    { name: 'a literal import()', path: 'packages/cli/src/a.ts', text: "const a = await import('./b.ts');" },
    { name: 'the finder of stories any name', path: 'e2e/run/find-stories.ts', text: 'const a = await import(b);' },
    { name: 'a bench the entries', path: 'bench/a.ts', text: "import { a } from '@letterlock/client';" },
    {
      name: 'a comment that names new Date()',
      path: 'packages/core/src/wraps/a.ts',
      text: '// new Date() is not for here\nexport {};',
    },
    { name: 'new Date() in server', path: 'packages/server/src/a.ts', text: 'export const a = new Date();' },
  ])('allows $name', ({ path, text }) => {
    expect(reasons(path, text)).toEqual([]);
  });

  test.each([
    {
      name: 'protocol → crypto',
      path: 'packages/protocol/src/a.ts',
      text: "import { b } from '@letterlock/crypto';",
      reason: '1: protocol may not import crypto',
    },
    {
      name: 'protocol → a Node module',
      path: 'packages/protocol/src/a.ts',
      text: "import { b } from 'node:crypto';",
      reason: '1: protocol may not import node:crypto',
    },
    {
      name: 'crypto → core',
      path: 'packages/crypto/src/a.ts',
      text: "import { b } from '@letterlock/core';",
      reason: '1: crypto may not import core',
    },
    {
      name: 'crypto → another library',
      path: 'packages/crypto/src/a.ts',
      text: "import forge from 'node-forge';",
      reason: '1: crypto may not import node-forge',
    },
    {
      name: 'core → server',
      path: 'packages/core/src/wraps/a.ts',
      text: "import { b } from '@letterlock/server';",
      reason: '1: core/wraps may not import server',
    },
    {
      name: 'core → client',
      path: 'packages/core/src/wraps/a.ts',
      text: "import { b } from '@letterlock/client';",
      reason: '1: core/wraps may not import client',
    },
    {
      name: 'core → a library',
      path: 'packages/core/src/seal/a.ts',
      text: "import { b } from 'jose';",
      reason: '1: core/seal may not import jose',
    },
    {
      name: 'core → a Node module',
      path: 'packages/core/src/store/a.ts',
      text: "import { b } from 'node:fs';",
      reason: '1: core/store may not import node:fs',
    },
    {
      name: '@peculiar/x509 outside ca',
      path: 'packages/core/src/proof/a.ts',
      text: "import { X } from '@peculiar/x509';",
      reason: '1: core/proof may not import @peculiar/x509',
    },
    {
      name: "a value of policy's",
      path: 'packages/core/src/wraps/a.ts',
      text: "import { decide } from '../policy/b.ts';",
      reason: '1: core/wraps may not import core/policy',
    },
    {
      name: 'a value among types',
      path: 'packages/core/src/wraps/a.ts',
      text: "import { type Permitted, decide } from '../policy/b.ts';",
      reason: '1: core/wraps may not import core/policy',
    },
    {
      name: 'proof → wraps',
      path: 'packages/core/src/proof/a.ts',
      text: "import type { b } from '../wraps/b.ts';",
      reason: '1: core/proof may not import types of core/wraps',
    },
    {
      name: 'a re-export',
      path: 'packages/core/src/policy/a.ts',
      text: "\nexport { b } from '../store/b.ts';",
      reason: '2: core/policy may not import core/store',
    },
    {
      name: 'export *',
      path: 'packages/core/src/policy/a.ts',
      text: "export * from '../wraps/b.ts';",
      reason: '1: core/policy may not import core/wraps',
    },
    {
      name: 'import()',
      path: 'packages/core/src/policy/a.ts',
      text: "const a = await import('../wraps/b.ts');",
      reason: '1: core/policy may not import core/wraps',
    },
    {
      name: 'import() of a made-up name',
      path: 'packages/cli/src/a.ts',
      text: 'const a = await import(process.argv[2]);',
      reason: '1: import() of a name that is not a string literal',
    },
    {
      name: 'import() of a made-up name beside the finder of stories',
      path: 'e2e/run/main.ts',
      text: 'const a = await import(b);',
      reason: '1: import() of a name that is not a string literal',
    },
    {
      name: 'an import for its effects',
      path: 'packages/core/src/policy/a.ts',
      text: "import '../wraps/b.ts';",
      reason: '1: core/policy may not import core/wraps',
    },
    {
      name: "a folder → its package's index",
      path: 'packages/core/src/policy/a.ts',
      text: "import { b } from '../index.ts';",
      reason: '1: core/policy may not import core',
    },
    {
      name: 'one server folder → another',
      path: 'packages/server/src/http/a.ts',
      text: "import { b } from '../kube/b.ts';",
      reason: '1: server/http may not import server/kube',
    },
    {
      name: "a server folder → another's library",
      path: 'packages/server/src/kube/a.ts',
      text: "import express from 'express';",
      reason: '1: server/kube may not import express',
    },
    {
      name: 'a network module outside http',
      path: 'packages/server/src/etcd/a.ts',
      text: "import { get } from 'node:https';",
      reason: '1: server/etcd may not import node:https',
    },
    {
      name: "a value of pino's in http",
      path: 'packages/server/src/http/a.ts',
      text: "import pino from 'pino';",
      reason: '1: server/http may not import pino',
    },
    {
      name: 'client → core',
      path: 'packages/client/src/a.ts',
      text: "import { b } from '@letterlock/core';",
      reason: '1: client may not import core',
    },
    {
      name: 'client → server',
      path: 'packages/client/src/a.ts',
      text: "import { b } from '@letterlock/server/main';",
      reason: '1: client may not import server',
    },
    {
      name: 'cli → core',
      path: 'packages/cli/src/a.ts',
      text: "import { b } from '@letterlock/core';",
      reason: '1: cli may not import core',
    },
    {
      name: 'another verb → server',
      path: 'packages/cli/src/verbs/wrap.ts',
      text: "import { b } from '@letterlock/server/main';",
      reason: '1: cli may not import server',
    },
    {
      name: 'node-forge in another file',
      path: 'packages/cli/src/keys.ts',
      text: "import forge from 'node-forge';",
      reason: '1: cli may not import node-forge',
    },
    {
      name: 'node-forge in a test elsewhere',
      path: 'packages/crypto/src/a.test.ts',
      text: "import forge from 'node-forge';",
      reason: '1: node-forge is for packages/cli only',
    },
    {
      name: 'an inner file by path',
      path: 'packages/crypto/src/a.ts',
      text: "import { b } from '../../protocol/src/b.ts';",
      reason: '1: ../../protocol/src/b.ts is an inner file of protocol',
    },
    {
      name: 'an inner file by name',
      path: 'packages/crypto/src/a.ts',
      text: "import { b } from '@letterlock/protocol/src/b.ts';",
      reason: '1: @letterlock/protocol/src/b.ts is an inner file of protocol',
    },
    {
      name: 'an inner file by a test',
      path: 'packages/server/src/a.test.ts',
      text: "import { b } from '../../core/src/wraps/b.ts';",
      reason: '1: ../../core/src/wraps/b.ts is an inner file of core',
    },
    {
      name: 'an inner file by a bench',
      path: 'bench/a.ts',
      text: "import { b } from '../packages/core/src/wraps/b.ts';",
      reason: '1: ../packages/core/src/wraps/b.ts is an inner file of core',
    },
    {
      name: 'a package by its own name',
      path: 'packages/core/src/wraps/a.ts',
      text: "import { b } from '@letterlock/core';",
      reason: '1: @letterlock/core is this package itself',
    },
    {
      name: 'fakes outside tests',
      path: 'packages/core/src/wraps/a.ts',
      text: "import { fake } from '../store/testing/fake.ts';",
      reason: '1: ../store/testing/fake.ts is for tests only',
    },
    {
      name: "another package's fakes outside tests",
      path: 'packages/server/src/main.ts',
      text: "import { fake } from '@letterlock/core/testing';",
      reason: '1: @letterlock/core/testing is for tests only',
    },
    {
      name: 'a folder that is not in the table',
      path: 'packages/core/src/misc/a.ts',
      text: 'export {};',
      reason: '1: core/misc is not in the import table',
    },
    {
      name: 'a package that is not in the table',
      path: 'packages/misc/src/a.ts',
      text: 'export {};',
      reason: '1: misc is not in the import table',
    },
    {
      name: 'a file that does not parse',
      path: 'packages/core/src/wraps/a.ts',
      text: 'import { from;',
      reason: '1: import() of a name that is not a string literal',
    },
    {
      name: 'new Date()',
      path: 'packages/core/src/wraps/a.ts',
      text: '\nexport const a = new Date();',
      reason: '2: new Date() reads the clock or the environment',
    },
    {
      name: 'new Date without parentheses',
      path: 'packages/protocol/src/a.ts',
      text: 'export const a = new Date;',
      reason: '1: new Date() reads the clock or the environment',
    },
    {
      name: 'globalThis.process',
      path: 'packages/core/src/wraps/a.ts',
      text: 'export const a = globalThis.process.env;',
      reason: '1: globalThis reads the clock or the environment',
    },
    {
      name: 'performance.now()',
      path: 'packages/protocol/src/a.ts',
      text: 'export const a = performance.now();',
      reason: '1: performance.now() reads the clock or the environment',
    },
    {
      name: 'a cast to Proven',
      path: 'packages/server/src/http/a.ts',
      text: 'export const a = b as Proven<B>;',
      reason: '1: a cast to Proven outside the folder that grants it',
    },
    {
      name: 'a cast to Permitted',
      path: 'packages/core/src/proof/a.ts',
      text: 'export const a = b as unknown as Permitted<B>;',
      reason: '1: a cast to Permitted outside the folder that grants it',
    },
    {
      name: 'a cast to ProvenWorkload',
      path: 'packages/core/src/workloads/a.ts',
      text: 'export const a = b as ProvenWorkload;',
      reason: '1: a cast to ProvenWorkload outside the folder that grants it',
    },
    {
      name: 'a workload that is proven outside the enrolment',
      path: 'packages/server/src/http/a.ts',
      text: 'export const a = proveWorkload({ identity, containerId });',
      reason: '1: proveWorkload() outside the enrolment',
    },
  ])('finds $name', ({ path, text, reason }) => {
    expect(reasons(path, text)).toContain(reason);
  });
});
