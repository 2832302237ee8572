/**
 * One factor is not enough, and neither are two that do not belong together.
 * @module
 */
import { CountedWrites } from '../run/counted-writes.ts';
import { NewLines } from '../run/server-log.ts';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { serviceNamespace } from './installation.ts';
import { ci, shop, tokenPath, write } from './workloads.ts';

const writes = new CountedWrites({ by: { namespace: ci, pod: 'writer' }, to: shop, password: 'kept' });

/** Shape of reason: that of the server’s log; undefined where the agent refuses, and asks nobody. */
async function refused(
  world: World,
  attack: { readonly pod: string; readonly token?: string; readonly says: string; readonly reason?: string },
): Promise<void> {
  const { pod, token, says, reason } = attack;
  const lines = new NewLines(world, serviceNamespace);
  const { stdout, stderr } = write(world, pod, 'stolen', token);
  if (stdout.endsWith(' 201')) throw new Error(`token accepted: ${stdout}`);
  if (!stdout.endsWith(' 403') || !stdout.includes(says)) throw new Error(`expected 403, ${says}: ${stdout}${stderr}`);
  if (reason !== undefined) await lines.demandRefusal(reason);
  writes.demandNoOther(world);
}

const tokenOf = (world: World, pod: string): string =>
  world.kubectl(`-n ${ci} exec ${pod} -c app -- cat ${tokenPath}`).trim();

export const steps: readonly Step[] = [
  {
    title: 'the writer still writes',
    run: (world) => writes.begin(world),
  },
  {
    title: 'refused: certificate without token',
    isRow: true,
    // The agent does not send it at all; what the server says to it is in 05-attacks.
    run: (world) => refused(world, { pod: 'writer', token: '', says: 'Letterlock-Writer-Token is missing' }),
  },
  {
    title: 'refused: token of another pod',
    isRow: true,
    run: (world) =>
      refused(world, { pod: 'writer', token: tokenOf(world, 'sibling'), says: '"denied"', reason: 'token_other_pod' }),
  },
  {
    title: 'refused: token without certificate',
    isRow: true,
    async run(world) {
      const url = `https://letterlock.${serviceNamespace}.svc:9443/letterlock.v1.Agent/Write`;
      const headers = `-H content-type:application/grpc -H "letterlock-writer-token: $(cat ${tokenPath})"`;
      const script = `curl -skv --max-time 5 -o /dev/null -w '%{http_code}' -X POST ${headers} ${url}`;
      const lines = new NewLines(world, serviceNamespace);
      const { stdout, stderr } = world.tryKubectl(['-n', ci, 'exec', 'writer', '-c', 'app', '--', 'sh', '-c', script]);
      if (stdout !== '000') throw new Error(`token accepted: the listener answered ${stdout}`);
      // A port that is closed, or a name that nobody has, refuses too.
      if (!stderr.includes('SSL connection using TLSv1.3')) throw new Error(`Nobody was reached: ${stderr}`);
      await lines.demandRefusal('client_key');
      writes.demandNoOther(world);
    },
  },
  {
    title: 'refused: writer that the binding does not list',
    isRow: true,
    run: (world) => refused(world, { pod: 'stranger', says: '"denied"', reason: 'writer_not_listed' }),
  },
  {
    title: 'refused: exec into the agent',
    isRow: true,
    run(world) {
      const { stderr } = world.tryKubectl(`-n ${ci} exec writer -c letterlock-agent -- /nodejs/bin/node --version`);
      if (!stderr.includes('nobody enters the agent')) throw new Error(`program accepted: ${stderr}`);
    },
  },
];
