import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { renderChart } from './helm.ts';
import { valuesSets } from './values-sets.ts';

const golden = join(import.meta.dirname, 'golden');
const sets = Object.entries(valuesSets).map(([name, values]) => ({ name, values: JSON.stringify(values) }));

describe('the rendered chart', () => {
  test.each(sets)('is what was reviewed, $name', ({ name, values }) => {
    // The definitions are copies, which `make check` compares.
    const { stdout, stderr } = renderChart(values, ['--set', 'crds.install=false']);
    expect(stderr).toBe('');
    const file = join(golden, `${name}.rendered.yaml`);
    if (process.env['LETTERLOCK_GOLDEN'] === 'rewrite') writeFileSync(file, stdout);
    expect(stdout).toBe(readFileSync(file, 'utf8'));
  });

  test.each(sets)('is the same every time, $name', ({ values }) => {
    expect(renderChart(values).stdout).toBe(renderChart(values).stdout);
  });
});
