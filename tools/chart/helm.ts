/**
 * Runs the Helm of the test cluster, of the version that its go.mod pins, on the chart.
 * It must never reach a cluster.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { programsFolder } from '../../e2e/cluster/modules.ts';

/** How it ended. */
export interface HelmOutcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const chartFolder = join(import.meta.dirname, '../../charts/letterlock');
let program: string | undefined;

/** Runs `helm`. Shape of input: a values file, read with `--values -`. */
export function runHelm(words: readonly string[], input = ''): HelmOutcome {
  const { status, stdout, stderr } = spawnSync(helmProgram(), words, {
    encoding: 'utf8',
    input,
    maxBuffer: 64 * 1024 * 1024,
    // No cluster, and no plug-ins or repositories of whoever runs this.
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', KUBECONFIG: '/nonexistent' },
  });
  return { status, stdout, stderr };
}

/** Renders the chart. Shape of values: YAML or JSON text. */
export function renderChart(values: string, words: readonly string[] = []): HelmOutcome {
  const always = ['--namespace', 'letterlock-system', '--kube-version', '1.30.0'];
  return runHelm(['template', 'letterlock', chartFolder, ...always, '--values', '-', ...words], values);
}

/** The cluster's program where it is built, else one that is built alone. */
function helmProgram(): string {
  if (program !== undefined) return program;
  const shared = join(programsFolder(), 'helm');
  program = existsSync(shared) ? shared : buildHelm();
  return program;
}

function buildHelm(): string {
  const built = spawnSync(join(import.meta.dirname, 'build-helm.sh'), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (built.status !== 0) throw new Error('Cannot build Helm');
  return built.stdout.trim();
}
