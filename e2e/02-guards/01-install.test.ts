/**
 * The chart installs, transient, with the certificates of two admins.
 * @module
 */
import type { Step } from '../run/story.ts';
import { installChart, injectedPod, makeNamespaces, release, serviceNamespace, shop } from './world.ts';

interface Policies {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status?: {
      readonly typeChecking?: { readonly expressionWarnings?: readonly { readonly warning: string }[] };
    };
  }[];
}

interface Check {
  readonly check: string;
  readonly level: string;
  readonly found: string;
}

export const steps: readonly Step[] = [
  {
    title: 'the images of server and application are made and imported',
    seconds: 180,
    async run(world) {
      for (const name of ['server', 'app'] as const) world.note(await world.image(name));
    },
  },
  {
    title: 'helm installs the chart, and its server becomes Ready under Pod Security restricted',
    seconds: 150,
    async run(world) {
      makeNamespaces(world);
      await installChart(world);
    },
  },
  {
    title: 'the API server finds nothing to say about the expressions of the guards',
    async run(world) {
      const words = 'validatingadmissionpolicies -l app.kubernetes.io/component=guard';
      await world.eventually('their types were not checked', () =>
        (world.read(words) as Policies).items.every(({ status }) => status?.typeChecking !== undefined),
      );
      const { items } = world.read(words) as Policies;
      const warnings = items.flatMap(({ metadata, status }) =>
        (status?.typeChecking?.expressionWarnings ?? []).map(({ warning }) => `${metadata.name}: ${warning}`),
      );
      if (items.length === 0 || warnings.length > 0) throw new Error(warnings.join('\n') || 'There are no guards');
      world.note(`${items.length} policies`);
    },
  },
  {
    title: 'kubectl letterlock doctor finds nothing that fails, and a webhook that injects',
    seconds: 100,
    async run(world) {
      let checks: readonly Check[] = [];
      await world.eventually('the webhook did not inject', () => {
        const { stdout, stderr } = world.tryLetterlock('kubernetes doctor -o json');
        if (!stdout.startsWith('{')) throw new Error(`${stdout}${stderr}`);
        ({ checks } = JSON.parse(stdout) as { readonly checks: readonly Check[] });
        return checks.some(({ check, level }) => check === 'webhook' && level === 'ok');
      });
      const bad = checks.filter(({ level }) => level !== 'ok');
      if (bad.length > 0) throw new Error(JSON.stringify(bad));
      world.note(checks.map(({ check, found }) => `${check}: ${found}`).join('; '));
    },
  },
  {
    title: 'the webhook steps aside, and a pod with an agent runs',
    async run(world) {
      // The webhook would refuse much of what follows before a guard is asked.
      world.kubectl('delete mutatingwebhookconfiguration letterlock-injector');
      const image = await world.image('app');
      await world.eventually('the pod was refused', () => {
        const input = JSON.stringify(injectedPod(image, 'victim'));
        return world.tryKubectl('apply -f -', { input }).status === 0;
      });
      world.kubectl(`-n ${shop} wait --for=condition=Ready pod/victim --timeout=50s`);
    },
  },
  {
    title: 'helm test finds guards that hold',
    seconds: 100,
    run(world) {
      const words = `test ${release} --namespace ${serviceNamespace} --logs --timeout 80s`;
      const said = world.helm(words, { seconds: 90 });
      if (!said.includes('ok - letterlock-shape refuses')) throw new Error(said);
    },
  },
];
