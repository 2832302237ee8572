/**
 * The mutants: small changes of the production source that a named test must notice, one row each.
 * Must never hold a change that only breaks the syntax: such a row proves nothing.
 * @module
 */

import { agentMutants } from './agent-mutants.ts';
import { attackMutants } from './attack-mutants.ts';
import { attestMutants } from './attest-mutants.ts';
import { controllerMutants } from './controller-mutants.ts';
import { lifecycleMutants } from './lifecycle-mutants.ts';
import { lifetimeMutants } from './lifetime-mutants.ts';
import { workloadMutants } from './workload-mutants.ts';

/** Replaces the one place where `search` stands in `file`. */
export interface Edit {
  /** Path from the repository's root. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly search: string;
  readonly replace: string;
}

export interface Mutant {
  /** What is lost, as in `redelivery without the claim id`; printed beside the verdict. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Test files, paths from the repository's root; at least one of their tests must fail. */
  readonly tests: readonly string[];
}

const core = 'packages/core/src/';
const nonceKey = `    this.#replicaId = options.replicaId.slice();
    this.#key = importMacKey(options.key ?? SecretBytes.random(keyBytes));`;

export const mutants: readonly Mutant[] = [
  // Open once (docs/protocol.md, Open once).
  {
    name: 'a transition does not compare the revision that it was decided on',
    edits: [
      {
        file: `${core}wraps/wrap-transaction.ts`,
        search: `      { key, field: 'mod', is: '=', revision: seen.revision },
`,
        replace: '',
      },
    ],
    tests: [`${core}wraps/search.test.ts`],
  },
  {
    name: 'the envelope is delivered before the claim is stored',
    edits: [
      {
        file: `${core}wraps/run-wrap.ts`,
        search: `    const reply = yield { transact: transitionOf(barrier, transition) };
`,
        replace: `    if (decision.then === 'deliver' && decision.next !== undefined) {
      const path = envelopePath(id);
      const early = yield { read: barrier.keyOf(path) };
      const entry = early.isAnswered ? early.entries[0] : undefined;
      if (entry !== undefined) {
        yield { transact: transitionOf(barrier, transition) };
        audit.settle('applied');
        return { is: 'delivered', record: decision.next, revision: seen.revision, envelope: barrier.open(path, entry.value) };
      }
    }
    const reply = yield { transact: transitionOf(barrier, transition) };
`,
      },
    ],
    tests: [`${core}wraps/search.test.ts`],
  },
  {
    name: 'redelivery asks for the key alone, not for the claim id',
    edits: [
      {
        file: `${core}wraps/reduce-wrap.ts`,
        search: 'return claim.kid === by && claim.cid === cid;',
        replace: 'return claim.kid === by;',
      },
    ],
    tests: [`${core}wraps/search.test.ts`],
  },
  {
    name: 'an acknowledgement deletes the envelope in a second write, which a crash loses',
    edits: [
      {
        file: `${core}wraps/wrap-transaction.ts`,
        search: "  if (change.envelope === 'delete') return [{ do: 'delete', key }];\n",
        replace: "  if (change.envelope === 'delete') return [];\n",
      },
    ],
    tests: [`${core}wraps/search.test.ts`],
  },
  {
    name: 'an opened wrap leaves no tombstone, as after a rollback of the store',
    edits: [
      {
        file: `${core}wraps/wrap-transaction.ts`,
        search: "change.next === undefined ? { do: 'delete', key } : putState(barrier, change.next),",
        replace:
          "change.next === undefined || change.next.s === 'OPENED' ? { do: 'delete', key } : putState(barrier, change.next),",
      },
    ],
    tests: [`${core}wraps/search.test.ts`],
  },
  {
    name: 'an open by the same key joins a claim whose id it does not know',
    edits: [
      {
        file: `${core}wraps/reduce-wrap.ts`,
        search: `    if (!isHeldBy(claim, event)) return refuse('already_claimed', 'other_claim');
    if (claim.n >= limits.deliveriesPerClaim)`,
        replace: `    if (claim.kid !== event.by) return refuse('already_claimed', 'other_claim');
    if (claim.n >= limits.deliveriesPerClaim)`,
      },
    ],
    tests: [`${core}wraps/reduce-wrap.test.ts`],
  },

  // Versioned secrets (docs/protocol.md, Envelope and Reading a secret).
  {
    name: 'a version that is not higher than the latest is stored',
    edits: [
      {
        file: `${core}secrets/secrets.ts`,
        search: 'if (ver <= current) return',
        replace: 'if (ver < 0 * current) return',
      },
    ],
    tests: [`${core}secrets/secrets.test.ts`],
  },
  {
    name: 'a write does not compare the latest version that it was decided on',
    edits: [
      {
        file: `${core}secrets/secrets.ts`,
        search: "            { key: latestKey(barrier, path), field: 'mod', is: '=', revision: latest.revision },\n",
        replace: '',
      },
    ],
    tests: [`${core}secrets/faults.test.ts`],
  },
  {
    name: 'a secret is read by a holder of the grant who is no recipient',
    edits: [
      {
        file: `${core}secrets/secrets.ts`,
        search: 'const readerSlot = slotIndexOf({ mode, rcp: record.rcp }, caller.id);',
        replace: 'const readerSlot = Math.max(0, slotIndexOf({ mode, rcp: record.rcp }, caller.id));',
      },
    ],
    tests: [`${core}secrets/secrets.test.ts`],
  },
  {
    name: 'a secret is read by a recipient without the grant',
    edits: [
      {
        file: `${core}policy/rules.ts`,
        search: "rules: [adminReads, notGranted('read', 'not_found')]",
        replace: 'rules: [adminReads]',
      },
    ],
    tests: [`${core}secrets/secrets.test.ts`],
  },
  {
    name: 'the read of a secret is recorded after its delivery',
    edits: [
      {
        file: `${core}secrets/secrets.ts`,
        search: '        // The envelope comes from the very transaction that stores the record of its delivery.\n',
        replace: `        const early = await this.#read(envelopeKey);
        if (early !== undefined) {
          const content = barrier.open(envelopePath(path, ver), early.value);
          const answer = await this.#deliver(caller, { record, envelope: content, slotIndex, to, nowSeconds });
          await this.#recordReading(permitted, path);
          return answer;
        }
`,
      },
    ],
    tests: [`${core}secrets/secrets.test.ts`],
  },
  {
    name: 'an expired version is delivered',
    edits: [
      {
        file: `${core}secrets/version-state.ts`,
        search: 'nowSeconds >= exp',
        replace: 'nowSeconds < 0 * exp',
      },
    ],
    tests: [`${core}secrets/secrets.test.ts`],
  },
  {
    name: 'the destruction of a version leaves its envelope',
    edits: [
      {
        file: `${core}secrets/secrets.ts`,
        search:
          "then: [putVersion(barrier, destroyed), { do: 'delete', key: barrier.keyOf(envelopePath(path, ver)) }],",
        replace: 'then: [putVersion(barrier, destroyed)],',
      },
    ],
    tests: [`${core}secrets/secrets.test.ts`],
  },
  {
    name: 'a list shows names that no grant of the caller touches',
    edits: [
      {
        file: `${core}secrets/list-secrets.ts`,
        search: '    .filter((child) => isShown(child, shown))\n',
        replace: '',
      },
    ],
    tests: [`${core}secrets/secrets.test.ts`],
  },
  {
    name: 'a lower version than one that was seen passes for the latest',
    edits: [
      {
        file: 'packages/client/src/secrets.ts',
        search: 'if (seen === undefined || ver >= seen) return;',
        replace: 'if (seen === undefined || ver >= 1) return;',
      },
    ],
    tests: ['packages/client/src/secrets.test.ts'],
  },

  {
    name: 'the sweeper leaves the envelope of an expired version',
    edits: [
      {
        file: `${core}secrets/secret-sweeper.ts`,
        search: "then: [putVersion(barrier, expired), { do: 'delete', key: barrier.keyOf(envelopePath(path, ver)) }],",
        replace: 'then: [putVersion(barrier, expired)],',
      },
    ],
    tests: [`${core}secrets/secret-sweeper.test.ts`],
  },
  {
    name: 'the quota of live versions is not asked',
    edits: [
      {
        file: `${core}secrets/secrets.ts`,
        search: 'if (!isPlaceTaken) {',
        replace: "if (!isPlaceTaken && path === '') {",
      },
    ],
    tests: [`${core}secrets/secret-sweeper.test.ts`],
  },

  // The audit trail (docs/protocol.md, Audit).
  {
    name: 'the record of a wrap is stored in a second transaction, which a crash loses',
    edits: [
      {
        file: `${core}wraps/wrap-transaction.ts`,
        search: `      audit.put,
      ...transition.alongside,`,
        replace: `      ...transition.alongside,`,
      },
      {
        file: `${core}wraps/run-wrap.ts`,
        search: `    if (reply.isAnswered && reply.succeeded) {
`,
        replace: `    if (reply.isAnswered && reply.succeeded) {
      yield { transact: { compare: [audit.compare], then: [audit.put] } };
`,
      },
    ],
    tests: [`${core}crash-points.test.ts`],
  },
  {
    name: 'the record of a secret is stored in a second transaction, which a crash loses',
    edits: [
      {
        file: `${core}audit/commit-change.ts`,
        search: 'const then = [prepared.put, ...prepared.news, ...change.then];',
        replace: 'const then = [...prepared.news, ...change.then];',
      },
      {
        file: `${core}audit/commit-change.ts`,
        search: `    // A retried transaction reports`,
        replace: `    if (response.succeeded) await store.transact({ compare: [prepared.compare], then: [prepared.put] });
    // A retried transaction reports`,
      },
    ],
    tests: [`${core}crash-points.test.ts`],
  },
  {
    name: 'the records of a ceremony are stored in a second transaction, which a crash loses',
    edits: [
      {
        file: `${core}seal/commit-audited.ts`,
        search: '({ put, news }) => [put, ...news]',
        replace: '({ news }) => news',
      },
      {
        file: `${core}seal/commit-audited.ts`,
        search: `  const { succeeded, entries } = response;
`,
        replace: `  const { succeeded, entries } = response;
  if (succeeded) await store.transact({ compare: [], then: prepared.map(({ put }) => put) });
`,
      },
    ],
    tests: [`${core}crash-points.test.ts`],
  },
  {
    name: 'a checkpoint that does not name the one before passes',
    edits: [
      {
        file: 'packages/crypto/src/verify-audit.ts',
        search: 'prev !== checkpointHash(before.jws)',
        replace: "prev === ''",
      },
    ],
    tests: ['packages/crypto/src/verify-audit.test.ts'],
  },
  {
    name: 'the hash in a checkpoint is not compared with the records',
    edits: [
      {
        file: 'packages/crypto/src/verify-audit.ts',
        search: 'if (made.value() === hash) return;',
        replace: "if (hash !== '') return;",
      },
    ],
    tests: ['packages/crypto/src/verify-audit.test.ts'],
  },
  {
    name: 'a caller is refused by what is remembered of a wrap, without looking at what is stored',
    edits: [
      {
        file: `${core}wraps/run-wrap.ts`,
        search: '      if (!isRecent) return conclude(decision, seen, isChanged);',
        replace: '      return conclude(decision, seen, isChanged);',
      },
    ],
    tests: [`${core}wraps/wraps.test.ts`],
  },
  {
    name: 'a change without an answer is taken for one that did not happen',
    edits: [
      {
        file: `${core}wraps/run-wrap.ts`,
        search: ': yield* recover(transition, barrier);',
        replace: ': { wasApplied: false, seen: transition.seen };',
      },
    ],
    tests: [`${core}wraps/faults.test.ts`],
  },

  {
    name: "the reply to a change is believed, whether or not the change's own record is there",
    edits: [
      {
        file: `${core}audit/audit-trail.ts`,
        search: "if (found === undefined) return 'not_applied';",
        replace: "if (found !== null) return 'not_applied';",
      },
    ],
    tests: [`${core}secrets/faults.test.ts`],
  },
  {
    name: 'a crash after the initialisation loses the configured identities and grants',
    edits: [
      {
        file: `${core}seal/store-installation.ts`,
        search: '        ...o.firstRecords,\n',
        replace: '',
      },
    ],
    tests: [`${core}crash-points.test.ts`],
  },

  {
    name: 'a record by which another process closed the number passes for the own one',
    edits: [
      {
        file: `${core}audit/audit-trail.ts`,
        search: "return isSame(found, put) ? 'applied' : 'taken';",
        replace: "return isSame(found, put) || found.key !== '' ? 'applied' : 'taken';",
      },
    ],
    tests: [`${core}audit/left-records.test.ts`],
  },
  {
    name: 'numbers that a killed process left open stay open',
    edits: [
      {
        file: `${core}audit/left-records.ts`,
        search: '    for (const seq of open) await trail.fill(store, replica, seq, options);\n',
        replace: '    void open;\n',
      },
    ],
    tests: [`${core}audit/left-records.test.ts`],
  },
  {
    name: 'a process that was taken for dead covers its records a second time',
    edits: [
      {
        file: `${core}audit/checkpoints.ts`,
        search: 'if (covered <= settled.signedThrough) return;',
        replace: 'if (covered >= 0) return;',
      },
    ],
    tests: [`${core}audit/left-records.test.ts`],
  },
  {
    name: 'two replicas cover what a killed process left',
    edits: [
      {
        file: `${core}audit/checkpoints.ts`,
        search: "compare: [...transaction.compare, { key, field: 'mod', is: '=', revision: modRevision }],",
        replace: 'compare: transaction.compare.slice(0, 0 * modRevision),',
      },
    ],
    tests: [`${core}audit/left-records.test.ts`],
  },

  // Nonces (docs/protocol.md, Challenge and proof).
  {
    name: 'replicas share the nonce key and remember nonces each for itself',
    edits: [
      {
        file: `${core}proof/nonce-authority.ts`,
        search: nonceKey,
        replace: `    this.#replicaId = new Uint8Array(replicaIdBytes);
    this.#key = importMacKey(SecretBytes.take(new Uint8Array(keyBytes)));`,
      },
    ],
    tests: [`${core}proof/nonce-single-use.test.ts`],
  },
  {
    name: 'the nonce key outlives the process',
    edits: [
      {
        file: `${core}proof/nonce-authority.ts`,
        search: nonceKey,
        replace: `    this.#replicaId = new Uint8Array(replicaIdBytes).fill(options.replicaId[0]!);
    this.#key = importMacKey(SecretBytes.take(new Uint8Array(keyBytes).fill(options.replicaId[0]!)));`,
      },
    ],
    tests: [`${core}proof/nonce-single-use.test.ts`],
  },
  {
    name: 'used nonces are forgotten before they expire',
    edits: [
      {
        file: `${core}proof/redeemed-nonces.ts`,
        search: 'const generationSeconds = lifetimes.nonce;',
        replace: 'const generationSeconds = lifetimes.nonce / 2;',
      },
    ],
    tests: [`${core}proof/nonce-single-use.test.ts`],
  },

  // Single checks.
  {
    name: 'the channel binding is not compared',
    edits: [
      {
        file: `${core}proof/proof-rules.ts`,
        search: "if (cb !== undefined) return cb === exporter ? 'exporter' : undefined;",
        replace: "if (cb !== undefined) return 'exporter';",
      },
    ],
    tests: [`${core}proof/verify-proof.test.ts`],
  },
  {
    name: 'the type of an object is not compared',
    edits: [
      {
        file: 'packages/protocol/src/jose.ts',
        search:
          "if (header['typ'] !== typ) throw malformed('wrong_typ', 'The object is of another type than expected here');",
        replace: '',
      },
    ],
    tests: ['packages/crypto/src/typ-matrix.test.ts'],
  },
  {
    name: 'the key commitment is not compared',
    edits: [
      {
        file: 'packages/crypto/src/payload.ts',
        search: ' || !isCommittedTo(o.fileKey, o.header)',
        replace: '',
      },
    ],
    tests: ['packages/crypto/src/payload.test.ts'],
  },
  {
    name: 'the barrier writes records in clear',
    edits: [
      {
        file: `${core}seal/keyring-barrier.ts`,
        search: 'return sealRecord({ term: currentTerm, termKey: this.#termKeyOf(currentTerm)!, path, plaintext });',
        replace: 'void currentTerm; return plaintext;',
      },
    ],
    tests: [`${core}seal/keyring-barrier.test.ts`],
  },
  {
    name: 'the barrier leaves names in clear',
    edits: [
      {
        file: `${core}seal/keyring-barrier.ts`,
        search: 'return this.#hiddenKey(namesKey, path);',
        replace: 'void namesKey; return path;',
      },
    ],
    tests: [`${core}seal/keyring-barrier.test.ts`],
  },
  {
    name: "an admin's share is not compared with its commitment",
    edits: [
      {
        file: `${core}seal/unseal-share.ts`,
        search: 'shareCommitment(inst, gen, share) === holder.c && ',
        replace: '',
      },
    ],
    tests: [`${core}seal/unseal.test.ts`],
  },
  {
    name: 'the commitment that the sender of a share names is not compared',
    edits: [
      {
        file: `${core}seal/unseal-share.ts`,
        search: ' && claims.c === holder.c',
        replace: '',
      },
    ],
    tests: [`${core}seal/unseal.test.ts`, `${core}seal/quorum.test.ts`],
  },
  {
    name: 'a share that was given for another purpose counts',
    edits: [
      {
        file: `${core}seal/unseal-share.ts`,
        search:
          "  if (claims.purpose !== purpose) throw conflict('share_purpose', 'The share was given for another purpose');\n",
        replace: '',
      },
    ],
    tests: [`${core}seal/unseal.test.ts`, `${core}seal/quorum.test.ts`],
  },
  {
    name: 'a client certificate for etcd that was replaced is not used',
    edits: [
      {
        file: 'packages/server/src/open-store.ts',
        search: '        store.renew(credentials);\n',
        replace: '',
      },
    ],
    tests: ['packages/server/src/open-store.test.ts'],
  },
  {
    name: "the etcd client's own retries are on",
    edits: [
      {
        file: 'packages/server/src/etcd/etcd-member.ts',
        search: '    faultHandling: { global: noop, host: () => noop },\n',
        replace: '',
      },
    ],
    tests: ['packages/server/src/etcd/etcd-writes.test.ts'],
  },
  {
    name: 'a bad share of a quorum is combined with the others',
    edits: [
      {
        file: 'packages/core/src/seal/unseal-share.ts',
        search:
          "    return isFormed ? undefined : alarm('shares_inconsistent', 'The shares do not fit the seal configuration');\n  }\n",
        replace: '    return undefined;\n  }\n  return undefined;\n',
      },
    ],
    tests: ['packages/core/src/seal/quorum.test.ts'],
  },
  {
    name: 'one admin counts twice in a quorum',
    edits: [
      {
        file: 'packages/core/src/seal/take-share.ts',
        search: 'if (collected.givers.includes(adminId)) {',
        replace: "if (adminId === '') {",
      },
    ],
    tests: ['packages/core/src/seal/quorum.test.ts'],
  },
  {
    name: 'collected shares do not time out',
    edits: [
      {
        file: 'packages/core/src/seal/collected-shares.ts',
        search: 'monotonicSeconds >= until',
        replace: 'monotonicSeconds < 0 * until',
      },
    ],
    tests: ['packages/core/src/seal/quorum.test.ts'],
  },
  {
    name: 'a durable service stores before every admin has checked its share',
    edits: [
      {
        file: 'packages/core/src/seal/acknowledgement-gate.ts',
        search: 'if (have < n) {',
        replace: 'if (have < 0 * n) {',
      },
    ],
    tests: ['packages/core/src/seal/quorum.test.ts'],
  },
  {
    name: 'a seal elsewhere is not followed',
    edits: [
      {
        file: 'packages/core/src/seal/epoch-watch.ts',
        search: 'if (before !== undefined) return before !== revision;',
        replace: 'if (before !== undefined) return false;',
      },
    ],
    tests: ['packages/core/src/seal/quorum.test.ts'],
  },

  // The judgement of the fault programme.
  {
    name: 'a latest version below the highest that was seen passes',
    edits: [
      {
        file: 'packages/client/src/secrets.ts',
        search: '  if (seen === undefined || ver >= seen) return;\n',
        replace: '  if (ver > 0) return;\n',
      },
    ],
    tests: ['packages/client/src/secrets.test.ts'],
  },
  {
    name: 'an operation is sent to another replica although it may have been done',
    edits: [
      {
        file: 'packages/client/src/retries.ts',
        search: "const mayRepeat = error.outcome === 'not_sent' || isRepeatable(route);",
        replace: 'const mayRepeat = true;',
      },
    ],
    tests: ['packages/client/src/failover.test.ts'],
  },
  {
    name: 'a replica that is sealed ends the call',
    edits: [
      {
        file: 'packages/client/src/retries.ts',
        search: "new Set(['sealed', 'uninitialised', 'unavailable'])",
        replace: "new Set(['unavailable'])",
      },
    ],
    tests: ['packages/client/src/failover.test.ts'],
  },
  {
    name: 'a call that may have acted says that nothing was sent',
    edits: [
      {
        file: 'packages/client/src/retries.ts',
        search: "if (error.outcome === 'unknown') outcome = 'unknown';",
        replace: 'outcome = error.outcome;',
      },
    ],
    tests: ['packages/client/src/failover.test.ts'],
  },
  {
    name: 'proofs name the first origin, whichever replica is asked',
    edits: [
      {
        file: 'packages/client/src/session.ts',
        search: 'target: `${connection.replica.address.origin}${request.path}`,',
        replace: 'target: `${this.origin}${request.path}`,',
      },
    ],
    tests: ['packages/client/src/failover.test.ts'],
  },
  {
    name: 'another replica with another instance key passes',
    edits: [
      {
        file: 'packages/client/src/trust.ts',
        search: 'if (this.#pinned === undefined || shown === undefined || shown === this.#pinned) return;',
        replace: 'if (shown !== undefined) return;',
      },
    ],
    tests: ['packages/client/src/failover.test.ts'],
  },
  {
    name: 'addresses with different pins pass for one service',
    edits: [
      {
        file: 'packages/cli/src/service.ts',
        search: 'others.every(({ fingerprint }) => fingerprint === first.fingerprint)',
        replace: 'others.length >= 0',
      },
    ],
    tests: ['packages/cli/src/service.test.ts'],
  },
  {
    name: 'a second owner is not looked for',
    edits: [
      {
        file: 'e2e/faults/check-history.ts',
        search: 'owners.size > 1',
        replace: 'owners.size > 9',
      },
    ],
    tests: ['e2e/faults/check-history.test.ts'],
  },
  {
    name: 'answers may come in any order',
    edits: [
      {
        file: 'e2e/faults/linearise.ts',
        search: ' || step.from > firstAnswer',
        replace: ' || step.from > firstAnswer + Infinity',
      },
    ],
    tests: ['e2e/faults/linearise.test.ts'],
  },
  {
    name: 'a delivery may come before its audit record',
    edits: [
      {
        file: 'e2e/faults/check-audit.ts',
        search: ' || times[index] > at',
        replace: '',
      },
    ],
    tests: ['e2e/faults/check-audit.test.ts'],
  },
  {
    name: 'a change is not told to other replicas',
    edits: [
      {
        file: 'packages/core/src/audit/commit-change.ts',
        search: 'prepared.put, ...prepared.news, ',
        replace: 'prepared.put, ',
      },
    ],
    tests: ['packages/core/src/identities/replicas.test.ts'],
  },
  {
    name: 'a pause between two looks is forgiven',
    edits: [
      {
        file: 'packages/core/src/audit/follow-news.ts',
        search: 'beganAt - this.#lookedAt > pauseSeconds',
        replace: 'beganAt - this.#lookedAt > 1000 * pauseSeconds',
      },
    ],
    tests: ['packages/core/src/identities/replicas.test.ts'],
  },
  {
    name: 'an unknown act of another replica is ignored',
    edits: [
      {
        file: 'packages/core/src/identities/forget-changed.ts',
        search: "if (which === 'nothing') continue;",
        replace: "if (which === 'nothing' || which === undefined) continue;",
      },
    ],
    tests: ['packages/core/src/identities/replicas.test.ts'],
  },
  {
    name: 'a replica is unsealed by its peer after a seal on purpose',
    edits: [
      { file: 'packages/core/src/seal/grant-peer.ts', search: '        isUnchanged(epochKey, epoch),\n', replace: '' },
    ],
    tests: ['packages/core/src/seal/peer-unseal.test.ts'],
  },
  {
    name: 'a start is given the key for any boot keys',
    edits: [
      {
        file: 'packages/core/src/seal/grant-peer.ts',
        search: 'if (before.boot !== boot) throw',
        replace: 'if (before.boot === path) throw',
      },
    ],
    tests: ['packages/core/src/seal/peer-unseal.test.ts'],
  },
  {
    name: 'peer unseal ignores its setting',
    edits: [
      {
        file: 'packages/core/src/seal/grant-peer.ts',
        search: "if (readPeerMode(barrier, mode) !== 'attested')",
        replace: 'if (readPeerMode(barrier, mode) === undefined)',
      },
    ],
    tests: ['packages/core/src/seal/peer-unseal.test.ts'],
  },
  {
    name: 'a static identity need not be pinned',
    edits: [
      {
        file: 'packages/core/src/seal/static-attestor.ts',
        search: 'if (!pinned.has(thumbprint)) throw',
        replace: "if (thumbprint === '') throw",
      },
    ],
    tests: ['packages/core/src/seal/static-attestor.test.ts'],
  },
  {
    name: 'a peer answer for another start is taken',
    edits: [
      {
        file: 'packages/core/src/seal/ask-peer.ts',
        search: 'if (claims.boot !== boot.boot) throw',
        replace: 'if (claims.boot === claims.inst) throw',
      },
    ],
    tests: ['packages/core/src/seal/peer-unseal.test.ts'],
  },
  {
    name: 'a seal between question and unseal is overlooked',
    edits: [
      {
        file: 'packages/core/src/seal/installation.ts',
        search: "'changed' in outcome ? outcome : { ...outcome, epochRevision }",
        replace: 'outcome',
      },
    ],
    tests: ['packages/core/src/seal/peer-unseal.test.ts'],
  },
  {
    name: 'a share goes to a process with another static identity than the pinned one',
    edits: [
      {
        file: 'packages/cli/src/boot-identities.ts',
        search: 'known.length > 0 && !known.includes(identity)',
        replace: "known.length > 0 && identity === ''",
      },
    ],
    tests: ['packages/cli/src/boot-identities.test.ts'],
  },
  {
    name: 'a share goes to a process that hides its attestation',
    edits: [
      {
        file: 'packages/cli/src/boot-identities.ts',
        search: 'if (!isExpected) return undefined;',
        replace: 'return undefined;',
      },
    ],
    tests: ['packages/cli/src/boot-identities.test.ts'],
  },
  {
    name: 'a boot statement about other keys attests',
    edits: [
      {
        file: 'packages/crypto/src/peer.ts',
        search: 'isFound: (claims, { boot }) => claims.boot !== boot',
        replace: "isFound: (claims) => claims.boot === ''",
      },
    ],
    tests: ['packages/client/src/boot-statement.test.ts', 'packages/core/src/seal/static-attestor.test.ts'],
  },
  {
    name: 'peer unseal overlooks that it was just switched off',
    edits: [
      {
        file: 'packages/core/src/seal/grant-peer.ts',
        search: '        isUnchanged(modeKey, mode),\n',
        replace: '',
      },
    ],
    tests: ['packages/core/src/seal/peer-unseal.test.ts'],
  },
  {
    name: 'two boot keys of one start are granted at once',
    edits: [
      {
        file: 'packages/core/src/seal/grant-peer.ts',
        search: '        isUnchanged(key, before),\n',
        replace: '',
      },
    ],
    tests: ['packages/core/src/seal/peer-unseal.test.ts'],
  },
  {
    name: 'peer unseal overlooks that the image was just taken away',
    edits: [
      {
        file: 'packages/core/src/seal/grant-peer.ts',
        search: '        isUnchanged(imagesKey, images),\n',
        replace: '',
      },
    ],
    tests: ['packages/core/src/seal/peer-unseal.test.ts'],
  },
  {
    name: 'a replica of any image is unsealed',
    edits: [
      {
        file: 'packages/core/src/seal/grant-peer.ts',
        search: 'if (image !== undefined && !readBootImages(barrier, images).includes(image)) {',
        replace: "if (image === '' && !readBootImages(barrier, images).includes(image)) {",
      },
    ],
    tests: ['packages/core/src/seal/peer-unseal.test.ts'],
  },
  {
    name: 'a pod of another StatefulSet is a replica',
    edits: [
      {
        file: 'packages/core/src/workloads/kubernetes-attestor.ts',
        search: 'peer.statefulSet !== own.statefulSet',
        replace: "peer.statefulSet === ''",
      },
    ],
    tests: ['packages/core/src/workloads/kubernetes-attestor.test.ts'],
  },
  {
    name: 'a pod that took the name of a replica is one',
    edits: [
      {
        file: 'packages/core/src/workloads/kubernetes-attestor.ts',
        search: 'peer.uid !== facts.podUid',
        replace: "peer.uid === ''",
      },
    ],
    tests: ['packages/core/src/workloads/kubernetes-attestor.test.ts'],
  },
  {
    name: 'a boot token of another ServiceAccount attests',
    edits: [
      {
        file: 'packages/core/src/workloads/kubernetes-attestor.ts',
        search: 'facts.serviceAccount !== own.serviceAccount',
        replace: "facts.serviceAccount === ''",
      },
    ],
    tests: ['packages/core/src/workloads/kubernetes-attestor.test.ts'],
  },
  {
    name: 'a boot token of another namespace attests',
    edits: [
      {
        file: 'packages/core/src/workloads/kubernetes-attestor.ts',
        search: 'if (facts.namespace !== namespace)',
        replace: "if (facts.namespace === '')",
      },
    ],
    tests: ['packages/core/src/workloads/kubernetes-attestor.test.ts'],
  },
  {
    name: 'a replica with an ephemeral container is attested',
    edits: [
      {
        file: 'packages/core/src/workloads/kubernetes-attestor.ts',
        search: 'isFound: ({ peer }) => peer.hasEphemeral',
        replace: 'isFound: () => false',
      },
    ],
    tests: ['packages/core/src/workloads/kubernetes-attestor.test.ts'],
  },
  {
    name: 'a replica that cannot ask what has changed goes on with what it remembers',
    edits: [
      {
        file: 'packages/server/src/follow-replicas.ts',
        search: 'if (kept !== undefined) forgetEverything(kept);',
        replace: 'void forgetEverything;',
      },
    ],
    tests: ['packages/server/src/replicas.test.ts'],
  },
  {
    name: 'a quorum is not needed to switch peer unseal',
    edits: [
      {
        file: 'packages/core/src/proof/operation-rules.ts',
        search: "'peer_unseal.set': 'quorum'",
        replace: "'peer_unseal.set': 'single'",
      },
    ],
    tests: ['packages/server/src/quorum-server.test.ts'],
  },
  {
    name: 'the listener for replicas serves without a client certificate',
    edits: [
      {
        file: 'packages/server/src/grpc/grpc-listener.ts',
        search: 'socket.alpnProtocol !== alpn || caller === undefined',
        replace: 'socket.alpnProtocol !== alpn',
      },
    ],
    tests: ['packages/server/src/grpc/grpc-listener.test.ts'],
  },
  ...workloadMutants,
  ...attackMutants,
  ...attestMutants,
  ...agentMutants,
  ...controllerMutants,
  ...lifecycleMutants,
  ...lifetimeMutants,
  // Keys on devices.
  {
    name: 'a card may sign with another key than it shows',
    edits: [
      {
        file: 'packages/crypto/src/jws.ts',
        search: 'if (!verifyBytes(data, key, signature)) {',
        replace: 'if (signature.length === 0) {',
      },
    ],
    tests: ['packages/crypto/src/key-device.test.ts'],
  },
  {
    name: 'a card opens what is of another typ or for another key',
    edits: [
      {
        file: 'packages/crypto/src/slot.ts',
        search: 'const parsed = checkJweForKey(compact, o);',
        replace:
          "const own = JSON.parse(Buffer.from(compact.split('.')[0]!, 'base64url').toString()) as typeof o;\n    const parsed = checkJweForKey(compact, { ...o, typ: own.typ, kid: own.kid! });",
      },
    ],
    tests: ['packages/crypto/src/key-device.test.ts'],
  },
  {
    name: 'the label of OAEP is not looked at',
    edits: [
      {
        file: 'packages/crypto/src/oaep.ts',
        search: '(timingSafeEqual(block.subarray(0, hashBytes), emptyLabelHash) ? 0 : 1)',
        replace: '0',
      },
    ],
    tests: ['packages/crypto/src/oaep.test.ts'],
  },
  // Operations of admins.
  {
    name: 'an operation that is sent again succeeds whoever signed it',
    edits: [
      {
        file: 'packages/core/src/identities/operation-ledger.ts',
        search: 'return by.join() === once.signers.toSorted().join();',
        replace: 'return by.length > 0;',
      },
    ],
    tests: ['packages/core/src/identities/operation-ledger.test.ts'],
  },
  {
    name: 'an operation of the seal that is sent again succeeds whoever signed it',
    edits: [
      {
        file: 'packages/core/src/seal/applied-operation.ts',
        search: 'if (by.join() !== signers.toSorted().join()) throw alreadyApplied();',
        replace: '',
      },
    ],
    tests: ['packages/core/src/seal/seal.test.ts'],
  },
  {
    name: 'any conflict passes for an operation that was applied',
    edits: [
      {
        file: 'packages/core/src/identities/operation-ledger.ts',
        search: 'error.reason === appliedReason && ',
        replace: '',
      },
    ],
    tests: ['packages/core/src/identities/operation-ledger.test.ts'],
  },
  {
    name: 'a damaged record of an operation ends every sweep',
    edits: [
      {
        file: 'packages/core/src/identities/operation-ledger.ts',
        search: "if (isProblemError(error) && error.code !== 'sealed') return undefined;",
        replace: '',
      },
    ],
    tests: ['packages/core/src/identities/operation-ledger.test.ts'],
  },
  {
    name: 'the lost answer to an operation is not asked for again',
    edits: [{ file: 'packages/client/src/retries.ts', search: '  operation: true,\n', replace: '' }],
    tests: ['packages/client/src/lost-answer.test.ts'],
  },
  {
    name: 'a replica looks for a seal less often than is promised',
    edits: [
      {
        file: 'packages/server/src/follow-replicas.ts',
        search: 'everyMilliseconds = 700',
        replace: 'everyMilliseconds = 1000',
      },
    ],
    tests: ['packages/server/src/follow-replicas.test.ts'],
  },
  {
    name: 'grants that were moved in the store count for another',
    edits: [
      {
        file: 'packages/core/src/identities/grant-registry.ts',
        search: 'stored.value.who !== who',
        replace: 'stored.value.who === undefined',
      },
    ],
    tests: ['packages/core/src/identities/grant-registry.test.ts'],
  },
  // Workload certificates and injection.
  {
    name: 'an older bundle passes for news',
    edits: [{ file: 'packages/crypto/src/bundle.ts', search: 'claims.seq < o.leastSeq', replace: 'claims.seq < 0' }],
    tests: ['packages/crypto/src/bundle.test.ts'],
  },
  {
    name: 'a workload certificate may come from any issuer',
    edits: [
      {
        file: 'packages/core/src/ca/parse-svid.ts',
        search: '!authorities.some((each) => isIssuer(each, facts, nowSeconds))',
        replace: 'false',
      },
    ],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate counts before its time',
    edits: [{ file: 'packages/core/src/ca/parse-svid.ts', search: 'nowSeconds < notBefore', replace: 'false' }],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate counts after its time',
    edits: [{ file: 'packages/core/src/ca/parse-svid.ts', search: 'nowSeconds > notAfter', replace: 'false' }],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may live long',
    edits: [
      {
        file: 'packages/core/src/ca/parse-svid.ts',
        search: 'notAfter - notBefore > workloadLifetimes.leafMaximum',
        replace: 'false',
      },
    ],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may have any signature algorithm',
    edits: [{ file: 'packages/core/src/ca/parse-svid.ts', search: '=> !isEcdsaWithSha256', replace: '=> false' }],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may have any key',
    edits: [{ file: 'packages/core/src/ca/parse-svid.ts', search: "read.key.kind !== 'P-256'", replace: 'false' }],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may have a subject',
    edits: [{ file: 'packages/core/src/ca/parse-svid.ts', search: "subject !== ''", replace: 'false' }],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may have any extensions',
    edits: [
      {
        file: 'packages/core/src/ca/parse-svid.ts',
        search: '!isSameList(extensions, profileExtensions)',
        replace: 'false',
      },
    ],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may have any critical extensions',
    edits: [
      {
        file: 'packages/core/src/ca/parse-svid.ts',
        search: '!isSameList(critical, criticalExtensions)',
        replace: 'false',
      },
    ],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may be an authority',
    edits: [
      {
        file: 'packages/core/src/ca/parse-svid.ts',
        search: 'isAuthority || pathLength !== undefined',
        replace: 'false',
      },
    ],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may have any key usage',
    edits: [
      {
        file: 'packages/core/src/ca/parse-svid.ts',
        search: 'facts.keyUsage !== (KeyUsageFlags.digitalSignature as number)',
        replace: 'false',
      },
    ],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may have any purpose',
    edits: [
      { file: 'packages/core/src/ca/parse-svid.ts', search: '!isSameList(facts.purposes, purposes)', replace: 'false' },
    ],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may have several names',
    edits: [
      {
        file: 'packages/core/src/ca/parse-svid.ts',
        search: "names.length !== 1 || names[0]!.type !== 'url'",
        replace: 'false',
      },
    ],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'a workload certificate may be of another trust domain',
    edits: [
      {
        file: 'packages/core/src/ca/parse-svid.ts',
        search: 'readWorkloadUri(names[0]!.value)?.td !== trustDomain',
        replace: 'false',
      },
    ],
    tests: ['packages/core/src/ca/parse-svid.test.ts'],
  },
  {
    name: 'the container of the agent may be any',
    edits: [
      {
        file: 'packages/core/src/injection/check-injected.ts',
        search: '!subject.forms.settings.some((settings) => isContainerOf(subject, settings))',
        replace: 'false',
      },
    ],
    tests: ['packages/core/src/injection/check-injected.test.ts'],
  },
  {
    name: 'container and volumes of the agent may be of two forms',
    edits: [
      {
        file: 'packages/core/src/injection/check-injected.ts',
        search: '    isContainerOf(subject, settings) &&\n',
        replace: '',
      },
    ],
    tests: ['packages/core/src/injection/check-injected.test.ts'],
  },
  {
    name: "the mount of the service account's token may be any",
    edits: [
      {
        file: 'packages/core/src/injection/as-written.ts',
        search: '    isSameJson(mount, { name, mountPath: serviceAccountMount.mountPath, readOnly: true }) &&\n',
        replace: '',
      },
    ],
    tests: ['packages/core/src/injection/check-injected.test.ts'],
  },
];
