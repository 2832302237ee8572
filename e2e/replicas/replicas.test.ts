/** Three replicas are three processes on one etcd; each test goes on where the one before ended. @module */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { inspectServer, LetterlockClient } from '@letterlock/client';
import { buildMilliseconds, freePort } from '@letterlock/server/testing';
import { startCuttingProxy } from '../../demo/cutting-proxy.ts';
import { Installation, sharedOrigin } from './installation.ts';
import { runLoad } from './load.ts';
import type { Replica } from './replica.ts';

// Processes start, also on a busy machine.
jest.setTimeout(180_000);

/**
 * Twice what is promised: here it is seen from outside, over a new connection each time, beside whatever else the machine
 * does. That the promise itself holds is counted with a clock of its own, beside what follows the replicas.
 */
const sealedEverywhereMilliseconds = 2000;

let installation: Installation;
beforeAll(async () => {
  installation = await Installation.start();
}, buildMilliseconds);
afterAll(() => installation[Symbol.asyncDispose]());

interface Shown {
  readonly state: string;
  readonly replicas: readonly { readonly address: string; readonly state: string; readonly have: number }[];
}
const shown = (stdout: string): Shown => JSON.parse(stdout) as Shown;
const stateOf = async ({ address }: Replica): Promise<string> => (await inspectServer(address)).state;

describe('letterlock unseal', () => {
  test('visits every replica, and says at which whose share is missing', async () => {
    const { replicas, admins, fingerprint } = installation;
    for (const name of ['anna', 'ben', 'carla'] as const) {
      const checked = await installation.letterlock(name, `share check --trust ${fingerprint}`, replicas.slice(0, 1));
      expect(checked).toMatchObject({ status: 0 });
    }
    const boots = replicas.map(({ boot }) => boot).join(' ');

    const first = await installation.letterlock('anna', `unseal -o json --boot ${boots}`);
    const table = await installation.letterlock('anna', 'unseal --status');

    const waiting = { state: 'sealed', have: 1, given: [admins.anna.id], missing: [admins.ben.id, admins.carla.id] };
    expect(first.status).toBe(6);
    expect(shown(first.stdout)).toMatchObject({
      state: 'sealed',
      replicas: [{ address: replicas[0].address, state: 'unsealed' }, waiting, waiting],
    });
    expect(table.stdout).toMatch(/^state +partly sealed\nnext +1 of /);
    expect(table.stdout).toContain(`${replicas[0].address} unsealed`);
    for (const { address } of replicas.slice(1)) {
      expect(table.stdout).toMatch(new RegExp(`${address} sealed, 1 of 2\ngiven by +${admins.anna.id}`));
    }
  });

  test('counts a share only at the process that it was given to', async () => {
    const { replicas, fingerprint } = installation;
    const [, second, third] = replicas;

    // His share was checked at another address of the same installation.
    const one = await installation.letterlock('ben', `unseal --trust ${fingerprint} --boot ${second.boot}`, [second]);
    const status = await installation.letterlock('ben', 'unseal --status -o json');
    const table = await installation.letterlock('ben', 'unseal --status');

    expect(one).toMatchObject({ status: 0, stderr: expect.stringContaining('Nothing attests this process') });
    expect(status.status).toBe(6);
    expect(shown(status.stdout).replicas.map(({ state, have }) => [state, have])).toEqual([
      ['unsealed', 2],
      ['unsealed', 2],
      ['sealed', 1],
    ]);
    expect(table.stdout).toMatch(/^next +you: letterlock unseal/m);
    expect([await stateOf(second), await stateOf(third)]).toEqual(['unsealed', 'sealed']);
  });

  test('goes on without a replica that is away, and says so', async () => {
    const { replicas } = installation;
    const [, second, third] = replicas;
    await second.stop();

    const given = await installation.letterlock('ben', `unseal -o json --boot ${third.boot}`);
    const table = await installation.letterlock('ben', 'unseal --status');

    expect(given.status).toBe(0);
    expect(shown(given.stdout).replicas.map(({ state }) => state)).toEqual(['unsealed', 'not reached', 'unsealed']);
    expect(table.stdout).toMatch(/not reached: start it, then give again/);
    await second.start();
    await installation.unseal(second);
  });
});

describe('trust add', () => {
  test('pins every replica, and status shows each', async () => {
    const { replicas, fingerprint } = installation;
    const added = await installation.letterlock('anna', `trust add -o json --trust ${fingerprint}`);
    const status = await installation.letterlock('anna', 'status -o json');

    expect(JSON.parse(added.stdout)).toMatchObject({ fingerprint, addresses: replicas.map(({ address }) => address) });
    expect(shown(status.stdout).replicas.map(({ state }) => state)).toEqual(['unsealed', 'unsealed', 'unsealed']);
  });
});

describe('an open', () => {
  const content = Buffer.alloc(100_000, 'the content ');

  test('at one replica that is killed is delivered again at another, to the same claim alone', async () => {
    const { replicas, writer, reader } = installation;
    const [first, second] = replicas;
    const { id } = await installation.client(writer).wrap({ to: reader.id, path: 'team-a/db', content });
    let hashes: readonly string[] = [];
    using opened = await installation
      .client(reader, { address: first.address })
      .open(id, { onClaim: ({ bodyHashes }) => void (hashes = bodyHashes) });
    await first.kill();

    const elsewhere = installation.client(reader, { address: [first.address, second.address] });
    using again = await elsewhere.open(id, { claimId: opened.claimId, priorBodyHashes: hashes });

    expect([opened.delivery.n, again.delivery.n]).toEqual([1, 2]);
    expect(again.delivery.cid).toBe(opened.delivery.cid);
    expect(Buffer.from(again.content.expose())).toEqual(content);
    await expect(elsewhere.open(id)).rejects.toMatchObject({ code: 'already_claimed', isProven: true });
    expect((await again.acknowledge()).st).toBe('OPENED');
    await first.start();
    await installation.unseal(first);
  });

  test('whose replica is killed while it answers ends at another within the one call', async () => {
    const { replicas, writer, reader, fingerprint } = installation;
    const [first, second] = replicas;
    const { id } = await installation.client(writer).wrap({ to: reader.id, path: 'team-a/db', content });
    let killed: Promise<void> | undefined;
    const proxy = await startCuttingProxy({
      port: await freePort(),
      to: first.port,
      afterBytes: 20_000,
      onCut: () => {
        killed = first.kill();
      },
    });
    // Both have this origin; each is dialled where it is.
    using calling = new LetterlockClient({
      address: { origin: sharedOrigin, addresses: [`127.0.0.1:${proxy.port}`, `127.0.0.1:${second.port}`] },
      trust: { pinned: fingerprint },
      identity: reader,
      pick: () => 0,
    });

    using opened = await calling.open(id).finally(() => void proxy.close());
    await killed;

    expect(killed).toBeDefined();
    expect(opened.delivery.n).toBe(2);
    expect(Buffer.from(opened.content.expose())).toEqual(content);
    expect((await opened.acknowledge()).st).toBe('OPENED');
    await first.start();
    await installation.unseal(first);
  });
});

describe('a rolling restart', () => {
  test('fails no request that the SDK does not absorb', async () => {
    const { replicas, writer, reader } = installation;
    const controller = new AbortController();
    const loading = runLoad({
      workers: 6,
      signal: controller.signal,
      readerId: reader.id,
      client: (as, worker) =>
        installation.client(as === 'writer' ? writer : reader, { pick: (count) => worker % count }),
    });
    for (const replica of replicas) {
      await replica.stop();
      await replica.start();
      await installation.unseal(replica);
    }
    controller.abort();
    const { requests, failures } = await loading;
    process.stdout.write(`Rolling restart of three replicas: ${requests} requests, ${failures.length} failed\n`);
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(100);
  });
});

describe('letterlock seal', () => {
  test('at one replica seals all', async () => {
    const { replicas, admins, writer } = installation;
    using calling = installation.client(writer);
    using admin = installation.client(admins.carla);
    expect((await admin.seal()).epoch).toBeGreaterThan(0);
    const from = performance.now();
    const sealedAfter = await Promise.all(
      replicas.map(async (replica) => {
        while ((await stateOf(replica)) !== 'sealed' && performance.now() - from < 10 * sealedEverywhereMilliseconds)
          await pause(10);
        return Math.round(performance.now() - from);
      }),
    );
    process.stdout.write(`Sealed after ${sealedAfter.join(', ')} ms at three replicas\n`);
    expect(Math.max(...sealedAfter)).toBeLessThan(sealedEverywhereMilliseconds);
    await expect(calling.readSecret('team-a/load-0')).rejects.toMatchObject({ code: 'sealed' });
  });

  test('once is enough by command line, wherever the first address is away', async () => {
    const { replicas } = installation;
    for (const replica of replicas) await installation.unseal(replica);
    const [first, second, third] = replicas;
    await first.stop();

    const sealing = await installation.letterlock('ben', 'seal');
    const deadline = performance.now() + 5 * sealedEverywhereMilliseconds;
    while ((await stateOf(third)) !== 'sealed' && performance.now() < deadline) await pause(20);
    const again = await installation.letterlock('ben', 'seal');

    expect(sealing).toMatchObject({ status: 0, stdout: expect.stringMatching(/^state +sealed$/m) });
    expect([await stateOf(second), await stateOf(third)]).toEqual(['sealed', 'sealed']);
    expect(again.status).toBe(6);
  });
});
