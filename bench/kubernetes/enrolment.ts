/**
 * Enrolments: each a new pod with a new key on a new connection, as agents make them. The API server answers at once, so that the
 * figures are the service's own. It must never count the making of keys, which is the pods' work.
 * @module
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createIdentity, LetterlockClient, type Identity } from '@letterlock/client';
import { certificatePem, createSelfSignedCertificate } from '@letterlock/crypto';
import { join } from 'node:path';
import { cpuSecondsOf, latencyText, measureLoad, tableLines } from './figures.ts';
import type { Part, PartOptions } from './part.ts';

const concurrencies = [1, 4, 16];
/** More than any row needs. */
const keysPerSecond = 700;

function adminCertificate(name: string): string {
  const { signingKey: key } = createIdentity({ name, isSingleKey: true });
  const nowSeconds = Math.floor(Date.now() / 1000);
  const life = { notBeforeSeconds: nowSeconds - 60, notAfterSeconds: nowSeconds + 3600 };
  return certificatePem(createSelfSignedCertificate({ key, commonName: name, ...life }));
}

async function run({ print, seconds, warmUpSeconds }: PartOptions): Promise<void> {
  const rows: string[][] = [];
  for (const concurrency of concurrencies) {
    const server = fork(
      join(import.meta.dirname, 'enrolment-server.ts'),
      ['anna', 'ben'].map((name) => adminCertificate(name)),
      { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    );
    try {
      const [started] = (await once(server, 'message')) as [{ readonly origin: string; readonly fingerprint: string }];
      const identities: Identity[] = Array.from({ length: (seconds + warmUpSeconds) * keysPerSecond }, (_, index) =>
        createIdentity({ name: `orders-${index}` }),
      );
      let next = 0;
      const enrol = async (): Promise<void> => {
        const number = next;
        next += 1;
        const identity = identities[number];
        if (identity === undefined) throw new Error('Cannot go on measuring: all keys are used');
        using client = new LetterlockClient({
          address: started.origin,
          trust: { pinned: started.fingerprint },
          identity,
          attempts: 1,
        });
        await client.enrol(`token-${number}`);
      };
      let cpuBefore = 0;
      const { perSecond, latencies } = await measureLoad(
        { concurrency, seconds, warmUpSeconds, once: enrol },
        () => (cpuBefore = cpuSecondsOf(server.pid!)),
      );
      const cpu = (1000 * (cpuSecondsOf(server.pid!) - cpuBefore)) / latencies.length;
      rows.push([`${concurrency}`, perSecond.toFixed(0), cpu.toFixed(2), latencyText(latencies)]);
    } finally {
      const ended = once(server, 'exit');
      server.disconnect();
      await ended;
    }
  }
  for (const line of tableLines(['c', 'enrolments a second', 'server CPU-s/1,000', 'latency p50/p95/p99 ms'], rows))
    print(line);
}

export const enrolment: Part = { what: 'enrolments, without the time of the API server; needs no cluster', run };
