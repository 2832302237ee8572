/**
 * What every witness must do, whichever API server it asks.
 * It must never judge an answer: that is for who asked.
 * @module
 */
import { describe, expect, test } from '@jest/globals';
import { readTokenReview, type TokenFacts } from '../../proof/token-review.ts';
import { readLivePod } from '../live-pod.ts';
import type { WorkloadWitness } from '../workload-witness.ts';

/** A world with one live pod and a token of it. */
export interface WitnessedWorld {
  readonly witness: WorkloadWitness;
  readonly token: string;
  readonly audience: string;
  readonly facts: TokenFacts;
  /** Makes the API server unreachable. */
  readonly cutOff: () => void;
}

export function describeWitnessContract(name: string, make: () => WitnessedWorld | Promise<WitnessedWorld>): void {
  describe(`${name}, as a WorkloadWitness`, () => {
    test('shows whose a token is', async () => {
      const { witness, token, audience, facts } = await make();
      const verdict = readTokenReview(await witness.reviewToken({ token, audience }), audience);
      expect(verdict).toMatchObject({ isGenuine: true, facts: { podUid: facts.podUid, podName: facts.podName } });
    });

    test('asks for the audience that it is told', async () => {
      const { witness, token } = await make();
      const verdict = readTokenReview(await witness.reviewToken({ token, audience: 'another' }), 'another');
      expect(verdict.isGenuine).toBe(false);
    });

    test('shows that a text is no token', async () => {
      const { witness, audience } = await make();
      const verdict = readTokenReview(await witness.reviewToken({ token: 'x', audience }), audience);
      expect(verdict).toEqual({ isGenuine: false, reason: 'token_not_authenticated' });
    });

    test('shows a pod, and that there is none', async () => {
      const { witness, facts } = await make();
      expect(readLivePod(await witness.readPod(facts.namespace, facts.podName))?.uid).toBe(facts.podUid);
      expect(await witness.readPod(facts.namespace, 'nobody')).toBeUndefined();
    });

    test('says so when it cannot ask', async () => {
      const { witness, token, audience, facts, cutOff } = await make();
      cutOff();
      const unavailable = { code: 'unavailable' };
      await expect(witness.reviewToken({ token, audience })).rejects.toMatchObject(unavailable);
      await expect(witness.readPod(facts.namespace, facts.podName)).rejects.toMatchObject(unavailable);
    });
  });
}
