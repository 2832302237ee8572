/** Files of the client certificate that change while the process runs, and what is said of the space in the store. @module */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { MemoryStore } from '@letterlock/core';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import type { EtcdCredentials } from './etcd/etcd-member.ts';
import { buildMilliseconds, createCertificate, EtcdServer } from './etcd/testing/etcd-server.ts';
import { openStore, spaceOf, type StoreSpace } from './open-store.ts';
import { findUnreadyReasons, findWarnings } from './readiness.ts';
import { systemClock } from './system-clock.ts';

// Every write reaches a disk that others use too.
jest.setTimeout(60_000);

let server: EtcdServer;
let folder: string;

beforeAll(async () => {
  server = await EtcdServer.start({ clients: 2 });
  folder = mkdtempSync(join(tmpdir(), 'letterlock-open-store-'));
}, buildMilliseconds);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server.close();
});

/** Puts files in their places, each whole from one moment to the next. */
function place({ ca, certificate, key }: EtcdCredentials): void {
  for (const [name, content] of Object.entries({ 'ca.crt': ca, 'client.key': key, 'client.crt': certificate })) {
    writeFileSync(join(folder, `${name}.new`), content, { mode: 0o600 });
    renameSync(join(folder, `${name}.new`), join(folder, name));
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await isSo()) && performance.now() < end) await pause(20);
  expect(await isSo()).toBe(true);
}

test('a client certificate that was replaced is used from then on, and a pair that does not fit is not', async () => {
  const [first, second] = server.allCredentials;
  place(first!);
  const logged: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) });
  const opened = openStore(
    {
      etcd: {
        endpoints: [server.endpoint],
        caFile: join(folder, 'ca.crt'),
        certFile: join(folder, 'client.crt'),
        keyFile: join(folder, 'client.key'),
        prefix: 'reload/',
        quotaBytes: 2_147_483_648,
      },
    },
    { clock: systemClock, log, certificateCheckMilliseconds: 20 },
  );
  try {
    const isAnswering = async (): Promise<boolean> => {
      try {
        await opened.store.range({ key: 'kept' });
        return true;
      } catch {
        return false;
      }
    };
    await opened.store.transact({ compare: [], then: [{ do: 'put', key: 'kept', value: Buffer.from('1') }] });
    place({ ...second!, key: createCertificate().key });
    await until(() => logged.some((line) => line.includes('Kept the old client certificate for etcd')));
    expect(await isAnswering()).toBe(true);

    place(second!);
    await until(() => logged.some((line) => line.includes('Reloaded the client certificate for etcd')));
    expect(await isAnswering()).toBe(true);
    // The proof that it is the second: the server no longer knows the first.
    server.trustOnly(second!);
    await server.restart(second);
    await until(isAnswering);
    expect((await opened.store.range({ key: 'kept' })).entries).toHaveLength(1);
  } finally {
    await opened.close();
  }
});

describe('space', () => {
  const report = {
    compactedTo: undefined,
    defragmented: [],
    alarms: [],
    disarmed: 0,
    databaseBytes: 80,
    usedBytes: 40,
    failed: [],
  };
  const space: StoreSpace = { databaseBytes: 80, usedBytes: 40, quotaBytes: 100, isFull: false };

  test.each([
    { name: 'a measured store', change: {}, is: space },
    { name: 'a store that nobody could measure', change: { databaseBytes: 0 }, is: undefined },
    { name: 'a full store', change: { alarms: ['Nospace'] }, is: { ...space, isFull: true } },
    { name: 'a full store that was given room', change: { alarms: ['Nospace'], disarmed: 1 }, is: space },
    { name: 'a damaged store', change: { alarms: ['Corrupt'] }, is: space },
  ])('of $name', ({ change, is }) => {
    expect(spaceOf({ ...report, ...change }, 100)).toEqual(is);
  });

  test.each([
    { name: 'below four fifths', space: { ...space, databaseBytes: 79 }, warnings: [] },
    { name: 'from four fifths on', space, warnings: ['store_nearly_full'] },
    { name: 'never for a store without a limit', space: undefined, warnings: [] },
  ])('warns $name', ({ space: found, warnings }) => {
    expect(findWarnings({ storeSpace: () => found })).toEqual(warnings);
  });

  test.each([
    { name: 'not ready', isFull: true, reasons: ['store_full'] },
    { name: 'ready', isFull: false, reasons: [] },
  ])('a store with isFull $isFull leaves the process $name', async ({ isFull, reasons }) => {
    const no = (): boolean => false;
    const found = await findUnreadyReasons({
      state: () => 'unsealed',
      isDraining: no,
      alarm: () => undefined,
      isImageUnlisted: no,
      isAuditBlocked: no,
      isSinkFailing: no,
      isChainBroken: no,
      store: new MemoryStore(),
      storeSpace: () => ({ ...space, isFull }),
    });
    expect(found).toEqual(reasons);
  });
});
