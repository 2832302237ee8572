/**
 * Runs the agent with paths of a test: `agent-process.ts <folder>` with the injector's variables.
 * It must never differ from main.ts in anything else.
 * @module
 */
import { join } from 'node:path';
import { runAgent } from '../agent.ts';
import { readEnvironment } from '../environment.ts';
import { createLog, errorFacts } from '../log.ts';

const folder = process.argv[2]!;
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const write = (line: string): void => void process.stdout.write(line);
const now = (): Date => new Date();
try {
  const settings = readEnvironment(process.env);
  const paths = {
    secrets: join(folder, 'run'),
    enrolmentToken: join(folder, 'token'),
    trustBundle: join(folder, 'trust/bundle.jws'),
  };
  await runAgent({
    settings,
    paths,
    log: createLog({ level: settings.logLevel, write, now }),
    signal: stop.signal,
  });
} catch (error) {
  createLog({ level: 'error', write, now }).error('Stopped', errorFacts(error));
  process.exitCode = 1;
}
