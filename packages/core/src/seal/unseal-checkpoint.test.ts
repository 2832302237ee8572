/** The transcript of an unseal carries the last checkpoint of the audit trail. @module */
import { describe, expect, test } from '@jest/globals';
import { generateSigningKey, importVerifyingKey, openJws, type SigningKey } from '@letterlock/crypto';
import { encodeUtf8, transcriptClaims, typ } from '@letterlock/protocol';
import { Checkpoints, checkpointPaths } from '../audit/checkpoints.ts';
import { SealWorld } from './testing/seal-world.ts';

/** A sealed process on an installation whose first process has written a checkpoint. */
async function checkpointed(keyOf: (instance: SigningKey) => SigningKey = (key) => key) {
  const first = await SealWorld.unsealed();
  const { audit, instanceKey } = first.installation.unsealed!;
  const { store, clock } = first;
  const checkpoints = new Checkpoints({ store, trail: audit, clock, sink: { take: () => undefined } });
  checkpoints.use(keyOf(instanceKey));
  await checkpoints.write();
  const [head] = (await store.range({ key: checkpointPaths.head })).entries;
  return { world: await first.restarted(), jws: new TextDecoder().decode(head!.value) };
}

async function checkpointInTranscript(world: SealWorld): Promise<string | undefined> {
  const transcript = await world.unseal();
  const key = importVerifyingKey(world.installation.configuration!.sik);
  return openJws(transcript, { typ: typ.transcript, key, claims: transcriptClaims }).ckpt;
}

describe('the transcript', () => {
  test('carries the last checkpoint', async () => {
    const { world, jws } = await checkpointed();
    expect(await checkpointInTranscript(world)).toBe(jws);
  });

  test('carries none by another key', async () => {
    const { world } = await checkpointed(() => generateSigningKey('P-256'));
    expect(await checkpointInTranscript(world)).toBeUndefined();
  });

  test('carries none that is something else', async () => {
    const { world } = await checkpointed();
    const put = { do: 'put', key: checkpointPaths.head, value: encodeUtf8('something else') } as const;
    await world.store.transact({ compare: [], then: [put] });
    expect(await checkpointInTranscript(world)).toBeUndefined();
  });
});

describe('the status of an unseal', () => {
  test('shows the last checkpoint while sealed and after', async () => {
    const { world, jws } = await checkpointed();
    expect(await world.installation.lastCheckpoint()).toBe(jws);
    await world.unseal();
    expect(await world.installation.lastCheckpoint()).toBe(jws);
  });

  test('shows none by another key, and none before there is one', async () => {
    const { world } = await checkpointed(() => generateSigningKey('P-256'));
    expect(await world.installation.lastCheckpoint()).toBeUndefined();
    expect(await (await SealWorld.unsealed()).installation.lastCheckpoint()).toBeUndefined();
  });
});
