/**
 * Changes of the agent, of the service for agents and of what the API server is asked, one at a time.
 * Must never hold one that no test can notice.
 * @module
 */
import type { Mutant } from './mutants.ts';

export const agentMutants: readonly Mutant[] = [
  {
    name: 'agents: an agent’s open needs no fresh key',
    edits: [
      {
        file: 'packages/server/src/grpc/agent-calls.ts',
        search: `        if (rpk === undefined) throw new ProblemError('bad_encoding', { reason: 'rpk_missing' });
        const permission = await permitted<'wrap.open'>`,
        replace: `        const permission = await permitted<'wrap.open'>`,
      },
    ],
    tests: ['packages/agent/src/agent-service.test.ts'],
  },
  {
    name: 'agents: what an agent is refused is not on record',
    edits: [
      {
        file: 'packages/server/src/grpc/agent-calls.ts',
        search: `      await services.recordRefusal(unsealed.audit, proven.caller, action, error);
      throw error;
    }
  };

  /** Both`,
        replace: `      throw error;
    }
  };

  /** Both`,
      },
    ],
    tests: ['packages/agent/src/agent-service.test.ts'],
  },
  {
    name: 'agents: a refused second factor is not on record',
    edits: [
      {
        file: 'packages/server/src/grpc/agent-calls.ts',
        search: `      await services.recordRefusal(unsealed.audit, proven.caller, action, error);
      throw error;
    }
  };

  const hub`,
        replace: `      throw error;
    }
  };

  const hub`,
      },
    ],
    tests: ['packages/agent/src/agent-service.test.ts'],
  },
  {
    name: 'agents: an agent writes before the shares are acknowledged',
    edits: [
      {
        file: 'packages/server/src/grpc/agent-calls.ts',
        search: 'if (isStoring(action.act)) await services.installation.requireAcknowledgedShares();',
        replace: '',
      },
    ],
    tests: ['packages/server/src/grpc/agent-calls.test.ts'],
  },
  {
    name: 'agents: a revoked pod is told of new versions',
    edits: [
      {
        file: 'packages/server/src/grpc/watch-hub.ts',
        search: `if (!(await stream.stillKnown())) throw new ProblemError('bad_proof', { reason: 'workload_revoked' });`,
        replace: '',
      },
    ],
    tests: ['packages/server/src/grpc/watch-hub.test.ts'],
  },
  {
    name: 'agents: a stream of agents outlives a seal',
    edits: [
      {
        file: 'packages/server/src/grpc/watch-hub.ts',
        search: `if (!this.#o.isUnsealed(stream.unsealed)) throw new ProblemError('sealed');`,
        replace: '',
      },
    ],
    tests: ['packages/server/src/grpc/watch-hub.test.ts'],
  },
  {
    name: 'agents: failed proofs of agents are not limited',
    edits: [
      {
        file: 'packages/server/src/grpc/agent-service.ts',
        search: `      calls.checkAddress(caller.remoteAddress);
`,
        replace: '',
      },
    ],
    tests: ['packages/agent/src/agent-service.test.ts'],
  },
  {
    name: 'agents: an agent takes a certificate of another key',
    edits: [
      {
        file: 'packages/agent/src/membership.ts',
        search: `if (key.thumbprint !== identity.id) throw new ProblemError('bad_proof', { reason: 'chain_other_key' });`,
        replace: '',
      },
    ],
    tests: ['packages/agent/src/membership.test.ts'],
  },
  {
    name: 'agents: an agent goes on with another instance',
    edits: [
      {
        file: 'packages/agent/src/membership.ts',
        search: 'if (!isSameInstance || !this.#isValid)',
        replace: 'if (!this.#isValid)',
      },
    ],
    tests: ['packages/agent/src/membership.test.ts'],
  },
  {
    name: 'agents: an agent takes an older version than it was told of',
    edits: [
      {
        file: 'packages/agent/src/read-secret.ts',
        search: `if (opened.header.ver < offer.version) throw new ProblemError('bad_envelope', { reason: 'secret_rollback' });`,
        replace: '',
      },
    ],
    tests: ['packages/agent/src/agent-service.test.ts'],
  },
  {
    name: 'agents: an agent believes a receipt of another request',
    edits: [
      {
        file: 'packages/agent/src/write-secret.ts',
        search: '{ id: header.id, eh, nonce: reply.nonce }',
        replace: '{ id: header.id, eh }',
      },
    ],
    tests: ['packages/agent/src/write-secret.test.ts'],
  },
  {
    name: 'agents: peers in Kubernetes need no attestation',
    edits: [
      {
        file: 'packages/server/src/config-checks.ts',
        search: `const isForReplicas = peers.length > 0 || (grpc !== undefined && access === 'none');`,
        replace: `const isForReplicas = grpc !== undefined && access === 'none';`,
      },
    ],
    tests: ['packages/server/src/config.test.ts'],
  },
  {
    name: 'agents: a review may have bytes that are no text',
    edits: [
      { file: 'packages/server/src/http/webhook-listener.ts', search: '{ fatal: true }', replace: '{ fatal: false }' },
    ],
    tests: ['packages/server/src/http/webhook-listener.test.ts'],
  },
  {
    name: 'agents: a binding selects pods of other namespaces',
    edits: [
      {
        file: 'packages/server/src/kube/live-bindings.ts',
        search: 'pod.namespace === binding.namespace &&',
        replace: '',
      },
    ],
    tests: ['packages/server/src/kube/live-bindings.test.ts'],
  },
  {
    name: 'agents: a binding selects pods of any label',
    edits: [
      {
        file: 'packages/server/src/kube/live-bindings.ts',
        search: 'isSelected(binding.podSelector, pod.labels)',
        replace: 'true',
      },
    ],
    tests: ['packages/server/src/kube/live-bindings.test.ts'],
  },
  {
    name: 'agents: a binding selects a pod that terminates',
    edits: [
      {
        file: 'packages/server/src/kube/live-bindings.ts',
        search: 'if (pod === undefined || pod.metadata.deletionTimestamp !== undefined)',
        replace: 'if (pod === undefined)',
      },
    ],
    tests: ['packages/server/src/kube/live-bindings.test.ts'],
  },
  {
    name: 'agents: a binding that terminates gives rights',
    edits: [
      {
        file: 'packages/server/src/kube/live-bindings.ts',
        search: `if ('fault' in binding || binding.isTerminating)`,
        replace: `if ('fault' in binding)`,
      },
    ],
    tests: ['packages/server/src/kube/live-bindings.test.ts'],
  },
  {
    name: 'agents: rights rest on what may be out of date',
    edits: [
      {
        file: 'packages/server/src/kube/controller.ts',
        search: 'isCurrent: () => freshness.pods.isCurrent() && freshness.bindings.isCurrent()',
        replace: 'isCurrent: () => true',
      },
    ],
    tests: ['packages/server/src/kube/controller.test.ts'],
  },
  {
    name: 'agents: a replica leads for ever',
    edits: [
      {
        file: 'packages/server/src/kube/lease.ts',
        search: 'return this.#options.monotonicSeconds() - this.#renewedSeconds < renewWithinSeconds;',
        replace: 'return true;',
      },
    ],
    tests: ['packages/server/src/kube/lease.test.ts'],
  },
  {
    name: 'agents: an answer about another pod is believed',
    edits: [
      {
        file: 'packages/server/src/kube/witness.ts',
        search: `if (pod?.metadata.name !== name || pod.metadata.namespace !== namespace) throw unavailable('kubernetes_answer');`,
        replace: '',
      },
    ],
    tests: ['packages/server/src/kube/witness.test.ts'],
  },
  {
    name: 'agents: a claim is saved after it was sent',
    edits: [
      {
        file: 'packages/agent/src/once/open-once.ts',
        search: `      folder.saveClaim(offer, {
        cid,`,
        replace: `      void Promise.resolve().then(() => {}); if (sent.length > 99) folder.saveClaim(offer, {
        cid,`,
      },
    ],
    tests: ['packages/agent/src/once/open-once.test.ts'],
  },
  {
    name: 'agents: an answer of an opening may be for other requests too',
    edits: [
      {
        file: 'packages/agent/src/once/open-once.ts',
        search: '  const sent = [...(own?.sent ?? [])];',
        replace: '  const sent = [...(own?.sent ?? [])]; sent.includes = () => true;',
      },
    ],
    tests: ['packages/agent/src/once/open-once.test.ts'],
  },
  {
    name: 'agents: a wrap of another secret is taken',
    edits: [
      {
        file: 'packages/agent/src/once/open-once.ts',
        search: 'if (opened.header.path !== secretPathOf(o.namespace, offer)) {',
        replace: 'if (opened.header.path === "") {',
      },
    ],
    tests: ['packages/agent/src/once/open-once.test.ts'],
  },
  {
    name: 'agents: the content is not placed before it is acknowledged',
    edits: [
      {
        file: 'packages/agent/src/once/open-once.ts',
        search: `  folder.place({ ...offer, content });
`,
        replace: '',
      },
    ],
    tests: ['packages/agent/src/once/open-once.test.ts'],
  },
  {
    name: 'agents: an opening is asked for with a new claim id each time',
    edits: [
      {
        file: 'packages/agent/src/once/open-once.ts',
        search: 'const cid = own?.cid ?? randomIdentifier();',
        replace: 'const cid = randomIdentifier();',
      },
    ],
    tests: ['packages/agent/src/once/open-once.test.ts'],
  },
  {
    name: 'agents: a refusal needs no receipt to be proven',
    edits: [
      {
        file: 'packages/agent/src/once/open-once.ts',
        search: '    return claims.st === state && claims.at === at;',
        replace: '    return true;',
      },
    ],
    tests: ['packages/agent/src/once/open-once.test.ts'],
  },
  {
    name: 'agents: a forged receipt is believed',
    edits: [
      {
        file: 'packages/agent/src/once/open-once.ts',
        search: `  } catch {
    return false;
  }`,
        replace: `  } catch {
    return true;
  }`,
      },
    ],
    tests: ['packages/agent/src/once/open-once.test.ts'],
  },
  {
    name: 'agents: a wrap that is gone is asked for again',
    edits: [
      {
        file: 'packages/agent/src/once/once-secrets.ts',
        search: 'againAtSeconds: isOver ? never : again(claimedAgainSeconds)',
        replace: 'againAtSeconds: again(claimedAgainSeconds)',
      },
    ],
    tests: ['packages/agent/src/once/open-once.test.ts'],
  },
  {
    name: 'agents: an acknowledgement whose answer was lost is not repeated',
    edits: [
      {
        file: 'packages/agent/src/once/once-secrets.ts',
        search: `        if (signal.aborted || mayComeRight) continue;
`,
        replace: '',
      },
    ],
    tests: ['packages/agent/src/once/open-once.test.ts'],
  },
  {
    name: 'agents: a later start of the container opens again',
    edits: [
      {
        file: 'packages/agent/src/agent.ts',
        search: `  once.restore(store);
`,
        replace: '',
      },
    ],
    tests: ['packages/agent/src/agent-once.test.ts'],
  },
  {
    name: 'agents: everybody may read what was opened once',
    edits: [
      {
        file: 'packages/agent/src/once/once-folder.ts',
        search: 'const fileMode = 0o600;',
        replace: 'const fileMode = 0o644;',
      },
    ],
    tests: ['packages/agent/src/agent-once.test.ts'],
  },
  {
    name: 'agents: the files of a binding have no limit',
    edits: [
      {
        file: 'packages/agent/src/files/render-set.ts',
        search: `      if (total > limits.bindingBytes) throw tooLarge();
`,
        replace: '',
      },
    ],
    tests: ['packages/agent/src/files/render-set.test.ts'],
  },
  {
    name: 'agents: metadata has no limit',
    edits: [
      {
        file: 'packages/server/src/grpc/agent-service.ts',
        search: `      requireSmallMetadata(metadata);
`,
        replace: '',
      },
    ],
    tests: ['packages/agent/src/agent-bad-input.test.ts'],
  },
  {
    name: 'peers: metadata has no limit',
    edits: [
      {
        file: 'packages/server/src/grpc/peer-service.ts',
        search: `      requireSmallMetadata(call.metadata);
`,
        replace: '',
      },
    ],
    tests: ['packages/server/src/grpc/grpc-listener.test.ts'],
  },
  {
    name: 'agents: a stream that has ended still counts',
    edits: [
      {
        file: 'packages/server/src/grpc/agent-service.ts',
        search: `            streams -= 1;
`,
        replace: '',
      },
    ],
    tests: ['packages/server/src/grpc/agent-service.test.ts'],
  },
  {
    name: 'agents: as many streams as pods want',
    edits: [
      {
        file: 'packages/server/src/grpc/agent-service.ts',
        search: 'if (streams >= mostStreams)',
        replace: 'if (streams < 0)',
      },
    ],
    tests: ['packages/server/src/grpc/agent-service.test.ts'],
  },
  {
    name: 'agents: a stream outlives its certificate',
    edits: [
      {
        file: 'packages/server/src/grpc/agent-calls.ts',
        search: `          const svid = unsealed.authorities.parse(call.caller.certificate);
          return (await`,
        replace: `          const svid = { id: proven.caller.id, ...workload, key: { thumbprint: proven.caller.id } } as never;
          return svid !== undefined || (await`,
      },
    ],
    tests: ['packages/server/src/grpc/agent-calls.test.ts'],
  },
  {
    name: 'bindings: what opens once is for several ServiceAccounts',
    edits: [
      {
        file: 'packages/core/src/policy/binding-rules.ts',
        search: `opens('Once'), onceForSeveral,`,
        replace: `opens('Once'),`,
      },
    ],
    tests: ['packages/core/src/policy/binding-rules.test.ts'],
  },
  {
    name: 'bindings: the secrets of a binding have no limit together',
    edits: [
      {
        file: 'packages/core/src/binding/binding.ts',
        search: `if (bytes > limits.bindingBytes) return { fault: 'TooLarge' };`,
        replace: '',
      },
    ],
    tests: ['packages/core/src/binding/decide-binding.test.ts'],
  },
  {
    name: 'wraps: a path shows a wrap that is no more',
    edits: [
      {
        file: 'packages/core/src/wraps/sweeper.ts',
        search: `    if (isChanged && act === 'wrap.purge' && isForBinding({ rcp: [record.rcp] })) await this.#forgetPlace(record, call);
`,
        replace: '',
      },
    ],
    tests: ['packages/core/src/workloads/binding-delivery.test.ts'],
  },
  {
    name: 'wraps: the purge of an earlier wrap takes the path from a later one',
    edits: [
      {
        file: 'packages/core/src/wraps/sweeper.ts',
        search: `    if (found?.place.id !== id) return;
`,
        replace: `    if (found === undefined) return; void id;
`,
      },
    ],
    tests: ['packages/core/src/workloads/binding-delivery.test.ts'],
  },
  {
    name: 'wraps: another path’s wrap is taken for this one',
    edits: [
      {
        file: 'packages/core/src/wraps/wrap-record.ts',
        search: 'if (place.v !== 1 || place.path !== path) throw misplaced();',
        replace: '',
      },
    ],
    tests: ['packages/core/src/workloads/binding-delivery.test.ts'],
  },
];
