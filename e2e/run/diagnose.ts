/**
 * What a person would look at first when a step failed: pods that are not Ready, warnings, and last words of containers.
 * It must never fail itself.
 * @module
 */
import type { World } from './world.ts';

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly namespace: string; readonly name: string };
    readonly status: {
      readonly phase: string;
      readonly containerStatuses?: readonly Container[];
      readonly initContainerStatuses?: readonly Container[];
    };
  }[];
}

interface Container {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
}

const logLines = 15;
const eventCount = 15;

/** Lines about the whole cluster; none when it does not answer. */
export function diagnose(world: World): string[] {
  const listed = world.tryKubectl('get pods -A -o json --request-timeout=5s', { seconds: 10 });
  if (listed.status !== 0) return ['The API server does not answer'];
  const lines: string[] = [];
  for (const { metadata, status } of (JSON.parse(listed.stdout) as Pods).items) {
    const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    const bad = containers.filter(({ ready, restartCount }) => !ready || restartCount > 0);
    if (bad.length === 0 && containers.length > 0) continue;
    lines.push(`pod ${metadata.namespace}/${metadata.name}: ${status.phase}`);
    for (const { name, restartCount } of bad) {
      lines.push(`  container ${name}, restarted ${restartCount} times`);
      const words = `-n ${metadata.namespace} logs ${metadata.name} -c ${name} --tail=${logLines}`;
      const said = world.tryKubectl(restartCount > 0 ? `${words} --previous` : words, { seconds: 10 });
      lines.push(
        ...`${said.stdout}${said.stderr}`
          .trim()
          .split('\n')
          .map((line) => `    ${line}`),
      );
    }
  }
  const events = world.tryKubectl('get events -A --field-selector type=Warning --no-headers', { seconds: 10 });
  return [...lines, ...events.stdout.trim().split('\n').slice(-eventCount)].filter((line) => line.trim() !== '');
}
