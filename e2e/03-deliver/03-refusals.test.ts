/**
 * One factor is not enough, and neither are two that do not belong together.
 * @module
 */
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { serviceNamespace } from './installation.ts';
import { ci, demandWrite, passwordIn, shop, tokenPath, write } from './workloads.ts';

/** What is written in pod `writer` before each row, and must be there after it. */
const before = 'kept';

function demandKept(world: World, what: string): void {
  const pod = world.kubectl(`-n ${shop} get pods -l app=orders -o name`).split('\n')[0]!;
  const found = passwordIn(world, pod);
  if (found === 'stolen') throw new Error(what);
}

function refused(world: World, pod: string, token: string | undefined, status: string): void {
  const { stdout, stderr } = write(world, pod, 'stolen', token);
  if (stdout.endsWith(' 201')) throw new Error(`token accepted: ${stdout}`);
  if (!stdout.endsWith(` ${status}`)) throw new Error(`expected ${status}: ${stdout}${stderr}`);
  demandKept(world, 'token accepted: the file has changed');
}

const tokenOf = (world: World, pod: string): string =>
  world.kubectl(`-n ${ci} exec ${pod} -c app -- cat ${tokenPath}`).trim();

export const steps: readonly Step[] = [
  {
    title: 'the writer still writes',
    run: (world) => demandWrite(world, 'writer', before),
  },
  {
    title: 'refused: certificate without token',
    isRow: true,
    run: (world) => refused(world, 'writer', '', '403'),
  },
  {
    title: 'refused: token of another pod',
    isRow: true,
    run: (world) => refused(world, 'writer', tokenOf(world, 'sibling'), '403'),
  },
  {
    title: 'refused: token without certificate',
    isRow: true,
    run(world) {
      const url = `https://letterlock.${serviceNamespace}.svc:9443/letterlock.v1.Agent/Write`;
      const headers = `-H content-type:application/grpc -H "letterlock-writer-token: $(cat ${tokenPath})"`;
      const script = `curl -skv --max-time 5 -o /dev/null -w '%{http_code}' -X POST ${headers} ${url}`;
      const { stdout, stderr } = world.tryKubectl(['-n', ci, 'exec', 'writer', '-c', 'app', '--', 'sh', '-c', script]);
      if (stdout !== '000') throw new Error(`token accepted: the listener answered ${stdout}`);
      // A port that is closed, or a name that nobody has, refuses too.
      if (!stderr.includes('SSL connection using TLSv1.3')) throw new Error(`Nobody was reached: ${stderr}`);
    },
  },
  {
    title: 'refused: writer that the binding does not list',
    isRow: true,
    run: (world) => refused(world, 'stranger', undefined, '403'),
  },
  {
    title: 'refused: exec into the agent',
    isRow: true,
    run(world) {
      const { stderr } = world.tryKubectl(`-n ${ci} exec writer -c letterlock-agent -- /nodejs/bin/node --version`);
      if (!stderr.includes('nobody enters the agent')) throw new Error(`The agent was entered: ${stderr}`);
    },
  },
];
