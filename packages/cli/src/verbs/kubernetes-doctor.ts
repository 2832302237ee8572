/**
 * `letterlock kubernetes doctor`: what of an installation in Kubernetes does not hold, each with its fix.
 * It must never change anything in the cluster.
 * @module
 */
import { clusterOptions, kubectlOf } from '../kubernetes/kubectl.ts';
import { diagnoseCluster } from '../kubernetes/diagnose-cluster.ts';
import { showFindings } from '../show-findings.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'Exit status 0 if nothing fails, else 1. It makes dry runs, and asks for tokens that the guards must refuse; it needs the rights of an admin.',
  options: clusterOptions,
  examples: [{ command: 'letterlock kubernetes doctor', does: 'check the installation of the current cluster' }],
  async run(context, { options }) {
    const findings = await context.progress('Checking', diagnoseCluster(kubectlOf(options), context.now()));
    showFindings(context, findings);
  },
});
