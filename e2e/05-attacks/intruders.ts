/**
 * Pods that bring what only the injector may write. Each is refused by the webhook, and let in where it is not asked.
 * It must never hold one that a guard refuses as well: then nobody would know who did.
 * @module
 */
import type { Outcome, World } from '../run/world.ts';
import { podSpec } from '../run/workloads.ts';
import { ci } from './names.ts';

export interface Intruder {
  readonly title: string;
  readonly run: (world: World, image: string) => Outcome;
}

interface Spec {
  readonly containers: readonly [object];
}

const created =
  (annotations: Readonly<Record<string, string>>, change: (spec: Spec, world: World) => object): Intruder['run'] =>
  (world, image) => {
    const metadata = { name: 'intruder', namespace: ci, annotations };
    const spec = change(podSpec(image, 'deployer') as Spec, world);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec };
    return world.tryKubectl(['create', '-f', '-', '--dry-run=server'], { input: JSON.stringify(pod) });
  };
const asking = { 'letterlock.dev/inject': 'true' };
const volume = { name: 'letterlock-secrets', emptyDir: {} };
const enrolment = {
  name: 'mine',
  projected: { sources: [{ serviceAccountToken: { audience: 'letterlock-enrol:cluster.local', path: 'token' } }] },
};

/** As the guards want it; what is wrong with it is that somebody else brings it. */
function genuineImage(world: World): string {
  return world.kubectl(`-n ${ci} get pod writer -o jsonpath={.spec.initContainers[0].image}`);
}

export const intruders: readonly Intruder[] = [
  {
    title: 'a pod that brings a container of our name',
    run: created(asking, (spec, world) => ({
      ...spec,
      initContainers: [{ ...spec.containers[0], name: 'letterlock-agent', image: genuineImage(world) }],
    })),
  },
  {
    title: 'a pod that brings a volume of our name',
    run: created(asking, (spec) => ({ ...spec, volumes: [volume] })),
  },
  {
    title: 'a pod that brings a volume with the token for enrolment',
    run: created(asking, (spec) => ({ ...spec, volumes: [enrolment] })),
  },
  {
    title: 'a pod that brings that volume and asks for nothing',
    run: created({}, (spec) => ({ ...spec, volumes: [enrolment] })),
  },
];

/** Copies the honest writer's pod, as somebody would who looks for a mistake in it. */
export function copyOf(world: World, image: string): Outcome {
  const words = ['-n', ci, 'debug', 'writer', '--copy-to=copy', `--image=${image}`, '--container=debugger'];
  return world.tryKubectl([...words, '--profile=restricted', '--share-processes=false', '--', '/bin/sleep', '600']);
}

/** @throws Error unless it was the webhook that refused, for this reason */
export function demandRefused({ status, stdout, stderr }: Outcome): void {
  if (status === 0) throw new Error(`pod accepted: ${stdout}`);
  const isSo = stderr.includes('injector.letterlock.dev" denied the request') && stderr.includes('reserved_name');
  if (!isSo) throw new Error(`refused by somebody else: ${stderr}`);
}
