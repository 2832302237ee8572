import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout } from 'node:timers/promises';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Claim } from './state/claims.ts';
import { usePeople } from './testing/people.ts';
import type { Verdict } from './testing/relay.ts';
import { finish, program, startCli, startProgram, words } from './testing/run-cli.ts';

const people = usePeople();

afterEach(() => {
  people.service.relay.judge = () => 'pass';
});

function claimFile(id: string): string {
  return `${people.home.state}/claims/${id}.json`;
}

function readClaim(id: string): Claim {
  return JSON.parse(readFileSync(claimFile(id), 'utf8')) as Claim;
}

/** Waits until something outside this process is so. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await setTimeout(20);
}

/** From the moment at which the claim is on the disk, bytes of the client meet this fate. @returns when the first ones came */
function fromClaimOn(id: string, verdict: Verdict): Promise<void> {
  return new Promise((resolve) => {
    people.service.relay.judge = () => {
      if (!existsSync(claimFile(id))) return 'pass';
      resolve();
      return verdict;
    };
  });
}

describe('letterlock open, interrupted', () => {
  test('has its claim on the disk before the request leaves', async () => {
    const id = await people.wrap('content');
    const reached = fromClaimOn(id, 'hold');

    const child = people.start('reader', `open ${id} --out held.bin`);
    const ended = finish(child);
    await reached;
    child.kill('SIGKILL');
    await ended;
    people.service.relay.judge = () => 'pass';

    // The service never saw the request, so every byte of it came after the claim.
    expect(await people.stateOf(id)).toBe('STORED');
    expect(readClaim(id).sentBodyHashes).toHaveLength(1);
  });

  test('by kill -9 after the service has claimed it, is resumed with the same claim', async () => {
    const id = await people.wrap('content');
    const reached = fromClaimOn(id, 'pass-without-answer');

    const child = people.start('reader', `open ${id} --out resumed.bin`);
    const ended = finish(child);
    await reached;
    // Another connection, whose answers pass: asked until the service has seen the request.
    people.service.relay.judge = () => 'pass';
    await until(async () => (await people.stateOf(id)) === 'CLAIMED');
    child.kill('SIGKILL');
    await ended;
    const kept = readClaim(id);
    expect(existsSync(people.home.path('resumed.bin'))).toBe(false);

    const resumed = await people.run('reader', `open ${id} --out resumed.bin`);

    expect({ status: resumed.status, stderr: resumed.stderr }).toEqual({ status: 0, stderr: '' });
    expect(readFileSync(people.home.path('resumed.bin'), 'utf8')).toBe('content');
    expect(kept.sentBodyHashes.length).toBeGreaterThan(0);
    expect(existsSync(claimFile(id))).toBe(false);
    expect(await people.stateOf(id)).toBe('OPENED');
  });

  test('by SIGINT names the claim and how to resume, and exits 130', async () => {
    const id = await people.wrap('content');
    const reached = fromClaimOn(id, 'hold');

    const child = people.start('reader', `open ${id}`);
    const ended = finish(child);
    await reached;
    child.kill('SIGINT');
    const { status, stderr, stdout } = await ended;

    const { cid } = readClaim(id);
    expect({ status, stdout }).toEqual({ status: 130, stdout: '' });
    expect(stderr).toBe(`letterlock: Interrupted: the claim ${cid} is kept; resume with: letterlock open ${id}\n`);
  });

  test('with a lost claim is refused: another claim holds it', async () => {
    const id = await people.wrap('content');
    await people.run('reader', `open ${id} --no-ack`);
    const { cid } = readClaim(id);
    writeFileSync(
      claimFile(id),
      JSON.stringify({ ...readClaim(id), cid: `${cid.startsWith('A') ? 'B' : 'A'}${cid.slice(1)}` }),
    );

    const { status, stderr, stdout } = await people.run('reader', `open ${id}`);

    expect({ status, stdout }).toEqual({ status: 5, stdout: '' });
    expect(stderr).toMatch(/Cannot open: opened .*not acknowledged yet .*somebody has your key/);
  });

  test('by another key or at another service is not resumed', async () => {
    const id = await people.wrap('content');
    await people.run('reader', `open ${id} --no-ack`);
    const claim = readClaim(id);

    writeFileSync(claimFile(id), JSON.stringify({ ...claim, reader: people.service.people.writer.id }));
    const otherKey = await people.run('reader', `open ${id}`);
    writeFileSync(claimFile(id), JSON.stringify({ ...claim, origin: 'https://elsewhere.example' }));
    const otherService = await people.run('reader', `open ${id}`);

    expect([otherKey.status, otherService.status]).toEqual([2, 2]);
    expect(otherKey.stderr).toContain(`begun by ${people.service.people.writer.id}`);
    expect(otherService.stderr).toContain('--address https://elsewhere.example');
  });
});

describe('letterlock open, whose content cannot be made safe', () => {
  test('leaves no part of a file when the disk is full, and does not acknowledge', async () => {
    const id = await people.wrap(new Uint8Array(200_000).fill(65));
    const before = readdirSync(people.home.folder);

    // A limit on the length of files fails as a full disk does, in the middle of the writing.
    const child = startProgram(
      'sh',
      ['-c', `ulimit -f 64; exec "$0" "$@"`, program, ...words(`open ${id} --out full.bin`)],
      people.as('reader'),
    );
    const { status, stderr } = await finish(child);

    expect(status).toBe(2);
    expect(stderr).toMatch(/^letterlock: Cannot write full\.bin: .*nothing was left behind/);
    expect(readdirSync(people.home.folder)).toEqual(before);
    expect(await people.stateOf(id)).toBe('CLAIMED');
    const again = await people.run('reader', `open ${id} --out full.bin`);
    expect(again.status).toBe(0);
  });

  test('does not acknowledge what a pipe did not take', async () => {
    const id = await people.wrap(new Uint8Array(400_000).fill(65));

    const child = startProgram(
      'sh',
      ['-c', '"$0" "$@" | head -c 10 >/dev/null; exit 0', program, ...words(`open ${id}`)],
      people.as('reader'),
    );
    const { stderr } = await finish(child);

    expect(stderr).toMatch(/its reader has ended; nothing was acknowledged/);
    expect(await people.stateOf(id)).toBe('CLAIMED');
  });

  test('with a lost acknowledgement only acknowledges the next time', async () => {
    const id = await people.wrap('content');
    people.service.relay.judge = () => (existsSync(people.home.path('saved.bin')) ? 'hold' : 'pass');

    const child = startCli(words(`open ${id} --out saved.bin`), people.as('reader'));
    const ended = finish(child);
    await until(() => existsSync(claimFile(id)) && readClaim(id).savedTo !== undefined);
    child.kill('SIGKILL');
    await ended;
    people.service.relay.judge = () => 'pass';
    const again = await people.run('reader', `open ${id} --out saved.bin`);

    expect({ status: again.status, stderr: again.stderr }).toEqual({ status: 0, stderr: '' });
    expect(again.stdout).toMatch(/^state +opened, acknowledged/m);
    expect(await people.stateOf(id)).toBe('OPENED');
  });
});
