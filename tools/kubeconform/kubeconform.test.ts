/**
 * Every rendered manifest, and every example of our resources, against the schemas of Kubernetes and of our definitions.
 * It must never pass because nothing was judged: a manifest that is known to be wrong goes with them.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { renderChart } from '../chart/helm.ts';
import { valuesSets } from '../chart/values-sets.ts';
import { schemaPattern, writeDefinitionSchemas, writeKubernetesSchemas } from './schemas.ts';

const root = join(import.meta.dirname, '../..');
const crds = join(root, 'crds');
/** Of the Prometheus operator, whose definitions are not ours. */
const skipped = 'ServiceMonitor,PrometheusRule';
/** A cold cache of Go builds for some minutes. */
const buildMilliseconds = 600_000;

interface Summary {
  readonly valid: number;
  readonly invalid: number;
  readonly errors: number;
}

let folder: string;
let program: string;

beforeAll(() => {
  const built = spawnSync(join(import.meta.dirname, 'build.sh'), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [path = '', descriptions = ''] = built.stdout.trim().split('\n');
  program = path;
  folder = mkdtempSync(join(tmpdir(), 'kubeconform-'));
  writeKubernetesSchemas(descriptions, folder);
  for (const file of definitions()) writeDefinitionSchemas(join(crds, file), folder);
}, buildMilliseconds);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function definitions(): readonly string[] {
  return readdirSync(crds).filter((name) => name.endsWith('.yaml'));
}

function judge(manifests: string): { readonly summary: Summary; readonly said: readonly unknown[] } {
  const words = ['-strict', '-summary', '-output=json', `-schema-location=${folder}/${schemaPattern}`];
  const { stdout, stderr } = spawnSync(program, [...words, `-skip=${skipped}`], { encoding: 'utf8', input: manifests });
  if (stdout === '') throw new Error(stderr);
  const { resources, summary } = JSON.parse(stdout) as {
    readonly resources: readonly unknown[];
    readonly summary: Summary;
  };
  return { summary, said: resources };
}

describe('the manifests', () => {
  test.each(Object.entries(valuesSets).map(([name, values]) => ({ name, values })))(
    'that the chart renders conform, $name',
    ({ values }) => {
      const { summary, said } = judge(renderChart(JSON.stringify(values)).stdout);
      expect(said).toEqual([]);
      expect(summary.valid).toBeGreaterThan(40);
    },
  );

  test('of mode transient conform', () => {
    expect(judge(readFileSync(join(root, 'deploy/kubernetes/transient.yaml'), 'utf8')).said).toEqual([]);
  });

  test.each(readdirSync(join(crds, 'examples')))('of example %s conform', (file) => {
    const { summary, said } = judge(readFileSync(join(crds, 'examples', file), 'utf8'));
    expect(said).toEqual([]);
    expect(summary.valid).toBeGreaterThan(0);
  });

  test.each([
    { name: 'a member that does not exist', from: 'serviceName:', to: 'serviceNames:' },
    { name: 'a number of the wrong type', from: 'replicas: 1', to: 'replicas: one' },
  ])('are refused with $name', ({ from, to }) => {
    const { stdout } = renderChart(JSON.stringify(valuesSets['transient']));
    expect(stdout).toContain(from);
    expect(judge(stdout.replace(from, to)).summary.invalid).toBe(1);
  });
});
