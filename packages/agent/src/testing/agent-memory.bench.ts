/**
 * What the agent needs of memory: the bundle with the flags of its image, at rest with 1 and with 50 secrets, and after many calls (CALLS).
 * It must never be compared with figures of another machine without saying so: it prints its own.
 * @module
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { expect, test } from '@jest/globals';
import { AgentWorld, eventually, target, writerToken, type RunningAgent } from './agent-world.ts';

const calls = Number(process.env['CALLS'] ?? 400);
const restMilliseconds = 3000;
const starts = 9;

interface Memory {
  readonly rss: number;
  readonly pss: number;
  readonly anonymous: number;
}

/** KiB, from /proc. */
function memoryOf(agent: RunningAgent): Memory {
  const rollup = readFileSync(`/proc/${agent.processId}/smaps_rollup`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]);
  return { rss: field('Rss'), pss: field('Pss'), anonymous: field('Anonymous') };
}

function print(what: string, { rss, pss, anonymous }: Memory): void {
  const mebibytes = (kib: number): string => (kib / 1024).toFixed(1).padStart(6);
  process.stdout.write(
    `${what.padEnd(44)} RSS ${mebibytes(rss)}  PSS ${mebibytes(pss)}  anonymous ${mebibytes(anonymous)} MiB\n`,
  );
}

async function write(agent: RunningAgent, secret: string, text: string): Promise<void> {
  const headers = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken };
  const { status, body } = await agent.ask('PUT', target(secret), { headers, body: JSON.stringify({ value: text }) });
  if (status !== 201) throw new Error(`Cannot write: ${body}`);
}

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, restMilliseconds));

async function measure(secrets: number): Promise<void> {
  const world = await AgentWorld.start();
  try {
    world.offer(Array.from({ length: secrets }, (_, n) => `s${n}`));
    const agent = world.startAgent({ isWriter: true });
    await eventually('it is enrolled', () => agent.lines.find((line) => line.includes('"Enrolled"')));
    for (let n = 0; n < secrets; n += 1)
      await eventually('it is written', () => write(agent, `s${n}`, 'x'.repeat(64)).then(() => true));
    await eventually('it is ready', async () =>
      (await agent.ask('GET', '/healthz')).status === 200 ? true : undefined,
    );
    await rest();
    print(`at rest, ${secrets} secret${secrets === 1 ? '' : 's'}`, memoryOf(agent));
    if (secrets > 1) return;
    for (let n = 0; n < calls / 2; n += 1) await write(agent, 's0', `y${n}`);
    await rest();
    print(`after ${calls} calls (a write and a read each)`, memoryOf(agent));
  } finally {
    await world.stop();
  }
}

/** Milliseconds from the start of the process. */
interface StartTimes {
  /** The first connection for the enrolment. */
  readonly connected: number;
  /** The certificate is there. */
  readonly enrolled: number;
}

async function startTimes(world: AgentWorld): Promise<StartTimes> {
  let connected: number | undefined;
  const begin = performance.now();
  const inBetween = createServer((socket) => {
    connected ??= performance.now() - begin;
    const { hostname, port } = new URL(world.server.origin);
    const beyond = connect(Number(port), hostname);
    socket.pipe(beyond).pipe(socket);
    for (const each of [socket, beyond]) each.on('error', () => undefined);
  });
  inBetween.listen(0, '127.0.0.1');
  await once(inBetween, 'listening');
  const { port } = inBetween.address() as AddressInfo;
  const started = performance.now() - begin;
  const agent = world.startAgent({ environment: { LETTERLOCK_DIRECT_ORIGIN: `https://127.0.0.1:${port}` } });
  const said = (): string | undefined =>
    agent.lines.find((line) => line.includes('"Enrolled"') || line.includes('"membership"'));
  await eventually('it has tried', said);
  const enrolled = performance.now() - begin - started;
  await world.forget(agent);
  inBetween.close();
  return { connected: connected! - started, enrolled };
}

async function measureStart(): Promise<void> {
  const world = await AgentWorld.start();
  try {
    const times: StartTimes[] = [];
    for (let n = 0; n < starts; n += 1) times.push(await startTimes(world));
    const median = (of: keyof StartTimes): string =>
      times
        .map((each) => each[of])
        .toSorted((a, b) => a - b)
        .at(Math.floor(starts / 2))!
        .toFixed(0);
    process.stdout.write(
      `process start to the enrolment's connection ${median('connected')} ms, to its answer ${median('enrolled')} ms (median of ${starts})\n`,
    );
  } finally {
    await world.stop();
  }
}

test('prints what the agent needs', async () => {
  process.stdout.write(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}\n`);
  await measureStart();
  await measure(1);
  await measure(50);
  expect(process.platform).toBe('linux');
}, 1_800_000);
