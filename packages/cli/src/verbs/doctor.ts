/**
 * `letterlock doctor`: what could stop the other verbs on this machine, each with its fix.
 * It must never change anything.
 * @module
 */
import { diagnose } from '../diagnosis.ts';
import { showFindings } from '../show-findings.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description: 'Exit status 0 if nothing fails, else 1. Nothing is changed, and no proof is sent.',
  examples: [
    { command: 'letterlock doctor', does: 'check everything for your profile' },
    {
      command: 'letterlock doctor --address https://letterlock.example.com:8443 -o json',
      does: 'check against one service, for a script',
    },
  ],
  async run(context) {
    const findings = await context.progress('Checking', diagnose(context));
    showFindings(context, findings);
  },
});
