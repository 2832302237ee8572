/**
 * The command line of an admin inside the cluster, where the names of the service resolve: a pod that holds the keys in memory.
 * It must never put a key where the API server would keep it.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome, World } from './world.ts';

const home = '/home';
const program = ['/nodejs/bin/node', '--disable-proto=delete', '/app/lib/letterlock.js'];
const putFile =
  "require('node:fs').writeFileSync(process.argv[1], require('node:fs').readFileSync(0), { mode: 0o600, flag: 'w' })";

export interface AdminPod {
  readonly namespace: string;
  readonly name: string;
  /** Namespace of the service. */
  readonly service: string;
}

const inPod = ({ namespace, name }: AdminPod): readonly string[] => ['-n', namespace, 'exec', '-i', name, '--'];

/** Makes it, with the key files of these admins from the folder of the steps. */
export async function startAdminPod(world: World, pod: AdminPod, admins: readonly string[]): Promise<void> {
  const { namespace, name, service } = pod;
  const image = await world.image('server');
  const environment = {
    HOME: home,
    // The Service for clients leads to nobody while the service is sealed.
    LETTERLOCK_ADDRESS: `https://letterlock-server-0.letterlock-server.${service}.svc:8443`,
  };
  world.apply([
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: {
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65532,
          fsGroup: 65532,
          seccompProfile: { type: 'RuntimeDefault' },
        },
        containers: [
          {
            name: 'admin',
            image,
            command: ['/nodejs/bin/node', '-e', 'setInterval(() => {}, 1e6)'],
            env: Object.entries(environment).map(([key, value]) => ({ name: key, value })),
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            },
            volumeMounts: [{ name: 'home', mountPath: home }],
          },
        ],
        volumes: [{ name: 'home', emptyDir: { medium: 'Memory' } }],
      },
    },
  ]);
  world.kubectl(`-n ${namespace} wait --for=condition=Ready pod/${name} --timeout=50s`);
  for (const admin of admins) {
    const input = readFileSync(join(world.folder, `${admin}.key`), 'utf8');
    world.kubectl([...inPod(pod), '/nodejs/bin/node', '-e', putFile, `${home}/${admin}.key`], { input });
  }
}

/** Runs `letterlock` with the key of an admin. Shape of words: separated by spaces. @returns standard output */
export function asAdmin(world: World, pod: AdminPod, admin: string, words: string): string {
  const { status, stdout, stderr } = tryAsAdmin(world, pod, admin, words);
  if (status === 0) return stdout;
  throw new Error(`letterlock ${words}\nended with status ${status}\n${stdout}${stderr}`);
}

/** The same, where it may fail. */
export function tryAsAdmin(world: World, pod: AdminPod, admin: string, words: string): Outcome {
  return world.tryKubectl([...inPod(pod), ...program, ...words.split(' '), '--key', `${home}/${admin}.key`]);
}
