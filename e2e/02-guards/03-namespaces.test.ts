/**
 * Guards do not hold up what Kubernetes does by itself, and uninstalling leaves nothing but the definitions.
 * @module
 */
import type { Step } from '../run/story.ts';
import { release, serviceNamespace, shop } from './world.ts';

const ofRelease = `-l app.kubernetes.io/instance=${release}`;
const kinds = [
  'clusterroles',
  'clusterrolebindings',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingwebhookconfigurations',
];

export const steps: readonly Step[] = [
  {
    title: 'the deletion of a whole collection fails at the trust bundle',
    run(world) {
      const path = `/api/v1/namespaces/${shop}/configmaps?dryRun=All`;
      const { stderr } = world.tryKubectl(['delete', '--raw', path]);
      if (!stderr.includes("ValidatingAdmissionPolicy 'letterlock-trust'")) throw new Error(`accepted: ${stderr}`);
    },
  },
  {
    title: 'a namespace with a trust bundle and an agent can be deleted',
    seconds: 100,
    run(world) {
      world.kubectl(`delete namespace ${shop} --timeout=90s`, { seconds: 95 });
    },
  },
  {
    title: 'after helm uninstall nothing of the release is left',
    seconds: 100,
    async run(world) {
      world.helm(`uninstall ${release} --namespace ${serviceNamespace} --wait --timeout 80s`, { seconds: 90 });
      const inside = 'all,configmaps,secrets,persistentvolumeclaims,serviceaccounts,roles,rolebindings';
      const list = (): string =>
        world.kubectl(`get ${kinds.join(',')} ${ofRelease} -o name`) +
        world.kubectl(`-n ${serviceNamespace} get ${inside} ${ofRelease} -o name`);
      // Pods end in their own time.
      await world.eventually('something was left', () => list() === '');
    },
  },
];
