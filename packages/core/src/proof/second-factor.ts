/**
 * The second factor of a pod that writes (protocol.md §7): its application's token, beside its agent's certificate.
 * It must never take a token for a factor by itself, nor one that was reviewed for another caller as this caller's.
 * @module
 */
import { hash43 } from '@letterlock/crypto';
import { audiencePrefixes, limits, ProblemError } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';
import { prove, type CallerWorkload, type Proven, type Received } from './proven.ts';
import { readTokenReview, type TokenFacts, type TokenReviewer } from './token-review.ts';

export interface SecondFactorOptions {
  readonly reviewer: TokenReviewer;
  readonly clock: Clock;
  readonly trustDomain: string;
}

/** A good review holds so long; that a pod is gone is learned from the watch, not from here. */
const rememberedSeconds = 10;
const rememberedLimit = 10_000;

/** What must be equal, one rule each: the token is of the very pod that the certificate names. */
const violations: readonly (readonly [string, (token: TokenFacts, workload: CallerWorkload) => boolean])[] = [
  ['token_other_namespace', (token, { ns }) => token.namespace !== ns],
  ['token_other_service_account', (token, { sa }) => token.serviceAccount !== sa],
  ['token_other_pod', (token, { pod }) => token.podUid !== pod],
  [
    'token_other_node',
    (token, { nodeUid }) => token.nodeUid !== undefined && nodeUid !== undefined && token.nodeUid !== nodeUid,
  ],
];

/** Reviews writer tokens; good answers are remembered for 10 s by the token's hash. */
export class SecondFactor {
  readonly #options: SecondFactorOptions;
  readonly #remembered = new Map<string, { readonly facts: TokenFacts; readonly untilSeconds: number }>();

  constructor(options: SecondFactorOptions) {
    this.#options = options;
  }

  /**
   * Proves the second factor of a caller whose certificate and proof are known to be good.
   * @param received - the request that `proven` came from; its token is the one that the proof names.
   * @throws 'denied', 'unavailable', TypeError for another request
   */
  async prove<T>(proven: Proven<T>, received: Received): Promise<Proven<T>> {
    const { caller, request } = proven;
    if (caller.proof === undefined || caller.proof !== received.proof) {
      throw new TypeError('Cannot prove a second factor: the request is another one');
    }
    if (caller.workload?.by !== 'svid') throw refusal('svid_missing');
    const { writerToken } = received;
    if (writerToken === undefined) throw refusal('writer_token_missing');
    const facts = await this.review(writerToken);
    const violated = violations.find(([, isViolated]) => isViolated(facts, caller.workload!));
    if (violated !== undefined) throw refusal(violated[0]);
    return prove({ ...caller, factor: 'svid-token' }, request);
  }

  /** Who a writer token belongs to. @throws 'denied', 'unavailable' */
  async review(token: string): Promise<TokenFacts> {
    const { clock, reviewer, trustDomain } = this.#options;
    if (token.length > limits.tokenBytes) throw refusal('token_too_long');
    const key = hash43(token);
    const known = this.#remembered.get(key);
    if (known !== undefined && clock.monotonicSeconds() < known.untilSeconds) return known.facts;
    // Counted from before the question: the answer may have been true only then.
    const untilSeconds = clock.monotonicSeconds() + rememberedSeconds;
    const audience = `${audiencePrefixes.write}${trustDomain}`;
    const verdict = readTokenReview(await reviewer.reviewToken({ token, audience }), audience);
    if (!verdict.isGenuine) throw refusal(verdict.reason);
    if (this.#remembered.size >= rememberedLimit) this.#remembered.clear();
    this.#remembered.set(key, { facts: verdict.facts, untilSeconds });
    return verdict.facts;
  }
}

function refusal(reason: string): ProblemError {
  return new ProblemError('denied', { reason });
}
