/**
 * The chart, durable: three replicas on its own etcd, three admins of whom two unseal, and the ceremonies by command line.
 * It must never install with a value that a user would not have, nor give an admin what only another one knows.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withForwards } from '../run/forward.ts';
import { chart, imageValues, release, valuesOf } from '../run/installation.ts';
import type { Outcome, World } from '../run/world.ts';

export const serviceNamespace = 'letterlock-durable';
export const inside = `-n ${serviceNamespace}`;
export const servers = ['letterlock-server-0', 'letterlock-server-1', 'letterlock-server-2'] as const;
export const members = ['letterlock-etcd-0', 'letterlock-etcd-1', 'letterlock-etcd-2'] as const;
export const admins = ['anna', 'ben', 'carla'] as const;
export type Server = (typeof servers)[number];
export type Admin = (typeof admins)[number];

/** The least values of a durable installation that unseals its own replicas. */
export async function durableValues(world: World): Promise<object> {
  const least = await valuesOf(world, serviceNamespace);
  const certificates = admins.map((name) => {
    world.letterlock(`init admin --name ${name} --force`);
    mkdirSync(homeOf(world, name), { recursive: true });
    return readFileSync(join(world.folder, `${name}.crt`), 'utf8');
  });
  return {
    ...least,
    mode: 'durable',
    init: { certificates, threshold: 2 },
    attest: { images: [await world.imageDigest('server')] },
    etcd: { image: imageValues(await world.image('etcd')), storage: { size: '1Gi' } },
  };
}

/** Does not wait: nothing is Ready before an admin initialises it. */
export function helm(world: World, verb: 'install --take-ownership' | 'upgrade', values: object): void {
  writeFileSync(join(world.folder, 'values.json'), JSON.stringify(values));
  world.helm(`${verb} ${release} ${chart} --namespace ${serviceNamespace} --values values.json`, { seconds: 60 });
}

/** The values of the last installation or upgrade, where these differ. */
export function withValues(world: World, values: object): object {
  return { ...(JSON.parse(readFileSync(join(world.folder, 'values.json'), 'utf8')) as object), ...values };
}

const homeOf = (world: World, admin: Admin): string => join(world.folder, 'home', admin);

/**
 * Runs `letterlock` as this admin, on a computer that nobody else uses, at these server pods.
 * Shape of words: separated by spaces, and then the admin's key.
 */
export async function asAdmin(
  world: World,
  admin: Admin,
  words: string,
  pods: readonly Server[] = servers,
): Promise<Outcome> {
  return withForwards(world, { namespace: serviceNamespace, pods, port: 8443 }, (places) => {
    const where = ['--address', 'https://localhost:8443', ...places.flatMap((place) => ['--dial', place])];
    return world.tryLetterlock([...words.split(' '), '--key', `${admin}.key`, ...where], {
      variables: { HOME: homeOf(world, admin) },
    });
  });
}

/** The same, where it must end with this status. @returns standard output */
export async function demandAsAdmin(
  world: World,
  admin: Admin,
  words: string,
  o: { readonly pods?: readonly Server[]; readonly status?: number } = {},
): Promise<string> {
  const { status, stdout, stderr } = await asAdmin(world, admin, words, o.pods);
  if (status === (o.status ?? 0)) return `${stdout}${stderr}`;
  throw new Error(`letterlock ${words}, as ${admin}, ended with status ${status}\n${stdout}${stderr}`);
}

/** Boot fingerprint of the process that runs in a pod, as its log says. */
export function bootOf(world: World, pod: Server): string {
  const log = world.kubectl(`${inside} logs ${pod}`);
  const boot = [...log.matchAll(/"boot":"([A-Za-z0-9_-]{43})"/g)].at(-1)?.[1];
  if (boot === undefined) throw new Error(`The log of ${pod} names no boot fingerprint:\n${log}`);
  return boot;
}

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly uid: string };
    readonly spec: { readonly containers: readonly { readonly image: string }[] };
    readonly status: {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
      readonly containerStatuses?: readonly { readonly restartCount: number; readonly imageID: string }[];
    };
  }[];
}

/** A pod of the service, as far as the steps look. */
export interface ServicePod {
  readonly name: string;
  readonly uid: string;
  readonly image: string;
  readonly imageId: string;
  readonly isReady: boolean;
  readonly restarts: number;
}

export function podsOf(world: World, component: 'server' | 'etcd'): readonly ServicePod[] {
  const { items } = world.read(`pods ${inside} -l app.kubernetes.io/component=${component}`) as Pods;
  return items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    uid: metadata.uid,
    image: spec.containers[0]?.image ?? '',
    imageId: status.containerStatuses?.[0]?.imageID ?? '',
    isReady: status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true,
    restarts: status.containerStatuses?.[0]?.restartCount ?? 0,
  }));
}

/** Waits until all three serve. */
export async function everyServerReady(world: World, seconds = 90): Promise<void> {
  await world.eventually(
    'not every server was Ready',
    () => {
      const pods = podsOf(world, 'server');
      return pods.length === servers.length && pods.every(({ isReady }) => isReady);
    },
    seconds,
  );
}
