/**
 * `make bench-kubernetes`: measures the parts that are named, or all, and prints figures with the machine they are of.
 * It must never leave a cluster behind.
 * @module
 */
import { parseArgs } from 'node:util';
import { agentMemory } from './agent-memory.ts';
import { admission } from './admission.ts';
import { openBenchCluster, type BenchCluster } from './bench-cluster.ts';
import { controller } from './controller.ts';
import { enrolment } from './enrolment.ts';
import { machineLine } from './figures.ts';
import type { Part } from './part.ts';
import { podStart } from './pod-start.ts';

/** In the order in which they run. */
const parts: Readonly<Record<string, Part>> = {
  enrolment,
  admission,
  'pod-start': podStart,
  'agent-memory': agentMemory,
  controller,
};

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const usage = `Usage: make bench-kubernetes ARGUMENTS="[part…] [options]"
${Object.entries(parts)
  .map(([name, { what }]) => `  ${name.padEnd(16)} ${what}`)
  .join('\n')}
  --seconds N      of each row of a load, default 6
  --pods N         of each kind, default 20
  --bindings N     default 1000
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '6' },
    pods: { type: 'string', default: '20' },
    bindings: { type: 'string', default: '1000' },
    help: { type: 'boolean', default: false },
  },
});
const numbers = { seconds: Number(values.seconds), pods: Number(values.pods), bindings: Number(values.bindings) };
const isWrong =
  positionals.some((name) => !Object.hasOwn(parts, name)) ||
  Object.values(numbers).some((value) => !Number.isSafeInteger(value) || value < 1);
if (values.help || isWrong) {
  process.stdout.write(usage);
  process.exit(isWrong ? 2 : 0);
}

let opened: Promise<BenchCluster> | undefined;
async function end(): Promise<void> {
  await (await opened?.catch(() => undefined))?.[Symbol.asyncDispose]();
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void end().finally(() => process.exit(130)));

print(machineLine());
try {
  for (const [name, { what, run }] of Object.entries(parts)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    print(`\n${name}: ${what}`);
    await run({ ...numbers, warmUpSeconds: 2, print, cluster: () => (opened ??= openBenchCluster(print)) });
  }
} finally {
  await end();
}
