import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { goModules, modulesFolder, programsFolder, versionIn, versionOf } from './modules.ts';

describe('versionIn()', () => {
  test.each([
    { name: 'alone', text: 'module a\n\nrequire b.test/c v1.2.3\n' },
    { name: 'in a block', text: 'require (\n\tb.test/cd v9.9.9\n\tb.test/c v1.2.3\n)\n' },
    { name: 'beside a replacement', text: 'replace b.test/c => x\nrequire b.test/c v1.2.3\n' },
  ])('reads a requirement $name', ({ text }) => {
    expect(versionIn(text, 'b.test/c')).toBe('v1.2.3');
  });

  test('refuses a go.mod without it', () => {
    expect(() => versionIn('module a\n', 'b.test/c')).toThrow('does not require it');
  });
});

describe('the modules', () => {
  test.each(goModules.map((module) => ({ name: module.folder, module })))(
    '$name: go.sum has the checksum of what go.mod requires',
    ({ module }) => {
      const sums = readFileSync(join(modulesFolder, module.folder, 'go.sum'), 'utf8');
      expect(sums).toContain(`\n${module.path} ${versionOf(module)} h1:`);
    },
  );

  test.each(
    goModules
      .filter(({ programs }) => programs['coredns'] === undefined)
      .map((module) => ({ name: module.folder, module })),
  )('$name: go.mod names each program as a tool', ({ module }) => {
    const text = readFileSync(join(modulesFolder, module.folder, 'go.mod'), 'utf8');
    for (const source of Object.values(module.programs))
      expect(text).toMatch(new RegExp(`^(?:tool |\\t)${source}$`, 'm'));
  });

  test('are built into a folder that names Kubernetes and stands for all of them', () => {
    expect(programsFolder()).toMatch(/\/letterlock\/kubernetes-\d+\.\d+\.\d+-[0-9a-f]{12}$/);
  });
});
