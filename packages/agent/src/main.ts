/**
 * The program of the agent's image: `letterlock-agent` runs the agent, `letterlock-agent startup` waits for its files.
 * It must never read an argument beyond that, nor print anything but its log.
 * @module
 */
import { agentPaths } from '@letterlock/protocol';
import { waitForFiles } from './startup.ts';

/** The kubelet ends a run of the startup command after 60 s. */
const startupMilliseconds = 55_000;

const write = (line: string): void => void process.stdout.write(line);
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());

if (process.argv[2] === 'startup') {
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(startupMilliseconds)]);
  process.exitCode = (await waitForFiles(agentPaths.socket, signal)) ? 0 : 1;
} else {
  // Not for the startup command, which would be slower by all of it, in every pod.
  const [{ runAgent }, { readEnvironment }, { createLog, errorFacts }] = await Promise.all([
    import('./agent.ts'),
    import('./environment.ts'),
    import('./log.ts'),
  ]);
  const now = (): Date => new Date();
  try {
    const settings = readEnvironment(process.env);
    const log = createLog({ level: settings.logLevel, write, now });
    await runAgent({ settings, log, signal: stop.signal });
  } catch (error) {
    createLog({ level: 'error', write, now }).error('Stopped', errorFacts(error));
    process.exitCode = 1;
  }
}
