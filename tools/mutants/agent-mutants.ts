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
];
