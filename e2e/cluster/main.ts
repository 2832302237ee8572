/**
 * The command line of the test cluster.
 * It must never write anything but results to standard output, so that scripts can read them.
 * @module
 */
import { parseArgs } from 'node:util';
import { buildPrograms } from './build.ts';
import { clusterNames, kubeconfigOf, readCluster, type Cluster } from './cluster.ts';
import { daemonNamed } from './daemons.ts';
import { endCluster } from './down.ts';
import { importImage } from './import-image.ts';
import { prepareMachine } from './machine.ts';
import { isAlive } from './namespaces.ts';
import { startDaemon, stopDaemon } from './run-daemons.ts';
import { say } from './say.ts';
import { describeCluster } from './status.ts';
import { bootCluster } from './up.ts';

const usage = `Usage: e2e/cluster/run.sh COMMAND [--name NAME]
  up [--audit-log]      boot a single-node Kubernetes, and print KUBECONFIG=…
  down [--all]          end it and remove everything it made
  status                what runs, and its memory
  import IMAGE.tar      make an image known to it; prints its name
  stop PROGRAM          stop one of its programs, such as apiserver; --kill: at once
  start PROGRAM         start it again
  build                 build its programs, and print their folder (kubectl and helm among them)
NAME is e2e by default; clusters of several names run beside each other. Needs root on Linux, Go and Debian's packages.
`;

interface Request {
  readonly name: string;
  readonly argument: string | undefined;
  readonly flags: { readonly all?: boolean; readonly kill?: boolean; readonly 'audit-log'?: boolean };
}

const commands: Readonly<Record<string, (request: Request) => Promise<void> | void>> = {
  async up({ name, flags }) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        void endCluster(name).finally(() => process.exit(130));
      });
    const cluster = await bootCluster({ name, hasAuditLog: flags['audit-log'] === true });
    process.stdout.write(`KUBECONFIG=${kubeconfigOf(cluster)}\n`);
  },
  async down({ name, flags }) {
    for (const each of flags.all === true ? clusterNames() : [name])
      say((await endCluster(each)) ? `Ended cluster ${each}` : `There is no cluster ${each}`);
  },
  status({ name }) {
    process.stdout.write(`${describeCluster(existing(name)).join('\n')}\n`);
  },
  import({ name, argument }) {
    process.stdout.write(`${importImage(running(name), demanded(argument, 'IMAGE.tar')).join('\n')}\n`);
  },
  stop({ name, argument, flags }) {
    stopDaemon(running(name), daemonNamed(demanded(argument, 'PROGRAM')), flags.kill === true ? 'KILL' : 'TERM');
  },
  start({ name, argument }) {
    startDaemon(running(name), daemonNamed(demanded(argument, 'PROGRAM')));
  },
  async build() {
    prepareMachine();
    process.stdout.write(`${(await buildPrograms()).folder}\n`);
  },
};

function existing(name: string): Cluster {
  const cluster = readCluster(name);
  if (cluster === undefined) throw new Error(`There is no cluster ${name}; "up" boots it`);
  return cluster;
}

function running(name: string): Cluster {
  const cluster = existing(name);
  if (!isAlive(cluster.keeper)) throw new Error(`Cluster ${name} ended; "up" boots it again`);
  return cluster;
}

function demanded(argument: string | undefined, what: string): string {
  if (argument === undefined) throw new Error(`Cannot go on: ${what} is missing\n${usage}`);
  return argument;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string', default: process.env['LETTERLOCK_CLUSTER'] || 'e2e' },
      all: { type: 'boolean' },
      kill: { type: 'boolean' },
      'audit-log': { type: 'boolean' },
    },
  });
  const { name, ...flags } = values;
  const [word = '', argument] = positionals;
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (command === undefined) {
    process.stderr.write(usage);
    process.exitCode = 2;
    return;
  }
  await command({ name, argument, flags });
}

try {
  await main();
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
