/**
 * `letterlock trust cluster`: pins who signs tokens in the cluster of a service, where it runs there, and its images.
 * It must never replace what is pinned by something unlike it unasked: that is the alarm.
 * @module
 */
import { readClusterKeys } from '@letterlock/crypto';
import { canonicalize, isImageDigest, isProblemError } from '@letterlock/protocol';
import { clusterRows, knownCluster, pinCluster } from '../cluster-pins.ts';
import type { Context } from '../context.ts';
import { CommandError, usage } from '../exit-status.ts';
import { readTextFile } from '../files/read-file.ts';
import { clusterOptions, kubectlOf } from '../kubernetes/kubectl.ts';
import { serverName } from '../kubernetes/objects.ts';
import { readCluster, type ClusterFacts } from '../kubernetes/read-cluster.ts';
import { required } from '../people.ts';
import { confirm } from '../prompt.ts';
import { knownServer, readService } from '../service.ts';
import type { ClusterPin } from '../state/cluster-pin.ts';
import { defineVerb } from '../verb.ts';

const options = {
  ...clusterOptions,
  image: {
    flags: '--image <digest...>',
    help: 'all digests that the server may run, sha256:…; default: asks about those that run now',
  },
  jwks: { flags: '--jwks <file>', help: 'signing keys from a file, for who cannot reach the cluster' },
  issuer: { flags: '--issuer <url>', help: 'with --jwks: as the cluster names itself' },
  namespace: { flags: '--namespace <name>', help: 'with --jwks: of the service; default letterlock-system' },
  serviceAccount: {
    flags: '--service-account <name>',
    help: `with --jwks: of the server; default ${serverName}`,
  },
  replace: {
    flags: '--replace',
    help: 'replace the pin of another cluster, or keys that are all new, after you compared',
  },
} as const;

const fileBytes = 262_144;

export const verb = defineVerb({
  description:
    'In Kubernetes each process of the service shows a token that the cluster signed about its very keys. At an unseal it is verified ' +
    'with what is pinned here. Pinned by kubectl, "unseal" asks the cluster as well: for its signing keys, for the pod, its image and its log. ' +
    'The service must be pinned before ("letterlock trust add"). Run it again when the cluster has new signing keys, or the service a new image.',
  options,
  examples: [
    { command: 'letterlock trust cluster', does: 'pin the cluster of kubectl, asking about the images that run now' },
    {
      command: `letterlock trust cluster --context prod --image sha256:${'0a'.repeat(32)}`,
      does: 'pin it with the image of a release, without a question',
    },
    {
      command: 'letterlock trust cluster --jwks keys.json --issuer https://kubernetes.default.svc.cluster.local',
      does: 'pin the keys that somebody with access has written down: kubectl get --raw /openid/v1/jwks',
    },
  ],
  async run(context, { options: given }) {
    const images = given.image;
    if (images !== undefined && !images.every((image) => isImageDigest(image))) {
      throw usage('Cannot pin the images: one is not a digest', 'a digest is sha256: and 64 hexadecimal digits');
    }
    const service = await readService(context);
    const known = knownServer(context, service);
    if (known === undefined) {
      throw usage(`Cannot pin a cluster: ${service.origins[0]} itself is not pinned`, 'first: letterlock trust add');
    }
    const { fingerprint } = known;
    const isReachable = given.jwks === undefined;
    const facts = isReachable
      ? await context.progress('Asking the cluster', readCluster(kubectlOf(given)))
      : factsOfFile(given.jwks, given);
    const before = knownCluster(context, fingerprint);
    const keys = keysOf(facts);
    if (before !== undefined && !given.replace) requireLike(before, facts, keys);
    const pin: ClusterPin = {
      issuer: facts.issuer,
      keys,
      namespace: facts.namespace,
      serviceAccount: facts.serviceAccount,
      images: images === undefined ? await acceptImages(context, facts, before?.images ?? []) : [...new Set(images)],
      isReachable,
      ...(given.kubeconfig === undefined ? {} : { kubeconfig: given.kubeconfig }),
      ...(given.context === undefined ? {} : { context: given.context }),
      pinnedAt: context.now(),
    };
    pinCluster(context, fingerprint, pin);
    context.output.result({ fingerprint, cluster: { ...pin } }, [['fingerprint', fingerprint], ...clusterRows(pin)]);
  },
});

function factsOfFile(
  path: string,
  given: {
    readonly issuer: string | undefined;
    readonly namespace: string | undefined;
    readonly serviceAccount: string | undefined;
  },
): ClusterFacts {
  const issuer = required(given.issuer, '--issuer', 'how the cluster names itself in its tokens');
  let jwks: unknown;
  try {
    jwks = JSON.parse(readTextFile(path, fileBytes, 'the signing keys'));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw usage(`Cannot read the signing keys: ${path} is no JSON`, 'write it with: kubectl get --raw /openid/v1/jwks');
  }
  const { namespace = 'letterlock-system', serviceAccount = serverName } = given;
  return { issuer, jwks, namespace, serviceAccount, images: [] };
}

function keysOf({ jwks }: ClusterFacts): ClusterPin['keys'] {
  try {
    return readClusterKeys(jwks).map(({ jwk }) => jwk);
  } catch (error) {
    if (!isProblemError(error)) throw error;
    throw usage('Cannot pin the cluster: it shows no key that signs tokens', 'see: kubectl get --raw /openid/v1/jwks');
  }
}

/** @throws integrity for another cluster than the pinned one */
function requireLike(before: ClusterPin, facts: ClusterFacts, keys: ClusterPin['keys']): void {
  const other = (['issuer', 'namespace', 'serviceAccount'] as const).find((name) => before[name] !== facts[name]);
  if (other !== undefined) {
    throw new CommandError(
      'integrity',
      `Cannot pin the cluster: its ${words[other]} is ANOTHER one: it is ${facts[other]}, pinned is ${before[other]}`,
      'choose the cluster of the service with --context or --kubeconfig; if it was moved on purpose: --replace',
    );
  }
  const pinned = new Set(before.keys.map((key) => canonicalize({ ...key })));
  if (keys.some((key) => pinned.has(canonicalize({ ...key })))) return;
  throw new CommandError(
    'integrity',
    'Cannot pin the cluster: none of its signing keys is among the pinned ones',
    'an impostor would look like this: compare with who runs the cluster; if it has replaced all of them: --replace',
  );
}

const words = { issuer: 'issuer', namespace: 'namespace', serviceAccount: 'ServiceAccount' } as const;

/** The images to pin: those before, or those that run now once somebody says that they are right. @throws usage where nobody can */
async function acceptImages(
  context: Context,
  { images }: ClusterFacts,
  before: readonly string[],
): Promise<readonly string[]> {
  if (images.every((image) => before.includes(image))) return before;
  const isAccepted = await confirm(
    context.terminal,
    `The server runs these images, and they are not all pinned:\n${images.map((image) => `  ${image}\n`).join('')}Compare them with the release.`,
    'give the digests of the release with --image',
  );
  if (isAccepted) return images;
  throw new CommandError('integrity', 'Cannot pin the cluster: the images were not accepted');
}
