/**
 * The cluster is a real one.
 * @module
 */
import type { Step } from '../run/story.ts';

interface Conditions {
  readonly items: readonly {
    readonly status: {
      readonly conditions: readonly { readonly type: string; readonly status: string }[];
      readonly nodeInfo: { readonly kubeletVersion: string; readonly containerRuntimeVersion: string };
    };
  }[];
}

export const steps: readonly Step[] = [
  {
    title: 'a node is Ready',
    run(world) {
      const { items } = world.read('nodes') as Conditions;
      const ready = items.filter(({ status }) =>
        status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
      );
      if (ready.length === 0) throw new Error('No node is Ready');
      const { kubeletVersion, containerRuntimeVersion } = ready[0]!.status.nodeInfo;
      world.note(`kubelet ${kubeletVersion}, ${containerRuntimeVersion}`);
    },
  },
  {
    title: 'policies of admission are enforced',
    async run(world) {
      const name = 'letterlock-e2e-boot';
      const policy = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name },
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: {
            resourceRules: [
              { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
            ],
          },
          matchConditions: [{ name: 'ours', expression: `object.metadata.name == '${name}'` }],
          validations: [{ expression: 'false', message: 'refused by a policy' }],
        },
      };
      const binding = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name },
        spec: { policyName: name, validationActions: ['Deny'] },
      };
      try {
        world.apply([policy, binding]);
        await world.eventually('the policy did not refuse', () => {
          const { stderr } = world.tryKubectl(`create configmap ${name} --dry-run=server`);
          return stderr.includes('refused by a policy');
        });
      } finally {
        world.kubectl(`delete validatingadmissionpolicybinding,validatingadmissionpolicy ${name} --ignore-not-found`);
      }
    },
  },
];
