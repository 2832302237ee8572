/**
 * Mutants of boot attestation in Kubernetes: what an admin's program checks of a process, and what replicas are told.
 * Must never hold a change that only breaks the syntax: such a row proves nothing.
 * @module
 */
import type { Mutant } from './mutants.ts';

const crypto = 'packages/crypto/src/cluster-token';
const client = 'packages/client/src/cluster-token';
const pod = 'packages/cli/src/kubernetes/check-server-pod';
const cli = 'packages/cli/src/';
const server = 'packages/server/src/';
const attestation = `${cli}cluster-attestation`;
const replicas = [`${server}kubernetes-replicas.test.ts`];

/** What is lost, where, the text that stands there once, what takes its place, and who must notice. */
type Row = readonly [name: string, file: string, search: string, replace: string, tests: readonly string[]];
/** The same of a file whose test stands beside it. */
type Beside = readonly [name: string, file: string, search: string, replace: string];

const beside: readonly Beside[] = [
  ['the signature of a token is not verified', crypto, `if (!verify(`, `if (false && !verify(`],
  ['a token may be signed by another key', crypto, 'each.kid === kid &&', 'kid !== undefined &&'],
  ['the algorithm comes from the token', crypto, '&& each.algorithm === alg', ''],
  ['a token may bring members in its header', crypto, 'Object.keys(others).length > 0 ||', ''],
  ['a token may have any type', crypto, `(typ !== undefined && typ !== 'JWT')`, 'false'],
  ['a token may be of any length', crypto, 'token.length > limits.attestationBytes ?', 'token.length < 0 ?'],
  ['a short RSA key signs', crypto, `(keyObject.asymmetricKeyDetails?.modulusLength ?? 0) < leastModulusBits`, 'false'],
  ['a key for encryption signs', crypto, `(use !== undefined && use !== 'sig')`, 'false'],
  ['a private key is kept', crypto, `jwk: { ...jwk, kid }`, `jwk: { ...(all as Record<string, string>), kid }`],
  ['a cluster may show any number of keys', crypto, '&& keys.length <= mostKeys', ''],
  ['a token of another issuer attests', client, 'iss !== cluster.issuer', 'iss === undefined'],
  ['a token about other boot keys attests', client, '|| aud[0] !== audience', '|| audience === undefined'],
  ['a token for two audiences attests', client, '|| aud.length !== 1', ''],
  [
    'a token of another ServiceAccount attests',
    client,
    'sub !== `system:serviceaccount:${namespace}:${serviceAccount}`',
    'sub === namespace + serviceAccount',
  ],
  ['a token without a pod attests', client, 'isFound: (claims) => podOf(claims) === undefined', 'isFound: () => false'],
  ['a token that has ended attests', client, '&& exp > nowSeconds)', '&& nowSeconds > 0)'],
  ['a token from far ahead attests', client, 'nbf <= nowSeconds + lifetimes.issuedAtSkew', 'nowSeconds > 0'],
  [
    'another pod of the name is taken for the attested one',
    pod,
    'pod?.metadata.uid !== attested.uid',
    'attested.uid === undefined',
  ],
  ['a pod that ends is a replica', pod, 'pod?.metadata.deletionTimestamp !== undefined', 'pod === undefined'],
  [
    'a pod of another ServiceAccount is a replica',
    pod,
    'pod?.spec.serviceAccountName !== pin.serviceAccount',
    'pin === undefined',
  ],
  ['a pod of nobody is a replica', pod, 'pod === undefined || !isOfServer(pod)', 'pod === undefined'],
  [
    'a pod with an ephemeral container is a replica',
    pod,
    '(pod?.spec.ephemeralContainers ?? []).length > 0',
    'pod === undefined',
  ],
  ['any image of a replica is right', pod, '!pin.images.includes(imageOf(pod)!)', 'imageOf(pod) === undefined'],
  [
    'the log of a replica is not compared',
    pod,
    'if (!lines.some((line) => bootOf(line) === boot))',
    'if (lines.length === 0)',
  ],
  [
    'any sentence of a log names the boot keys',
    pod,
    'sentences.has(msg) ? boot : undefined',
    'msg === undefined ? undefined : boot',
  ],
  [
    'a process without a token is attested',
    attestation,
    'if (token === undefined) {',
    'if (token === undefined && boot === undefined) {',
  ],
  ['the cluster of kubectl may be another one', attestation, 'if (issuer === pin.issuer)', 'if (issuer !== undefined)'],
  [
    'the pod is not looked at',
    attestation,
    'checked: await checkServerPod(kubectl, pod, boot, pin)',
    `checked: { image: '', isImagePinned: true, ...(boot === '' ? await checkServerPod(kubectl, pod, boot, pin) : {}) }`,
  ],
];

const rows: readonly Row[] = [
  ...beside.map(([name, file, search, replace]): Row => [name, `${file}.ts`, search, replace, [`${file}.test.ts`]]),
  [
    'another boot fingerprint than the named one gets a share',
    `${cli}boot-identities.ts`,
    `    const attested = await attestByCluster(context, cluster, shown);
    if (boots?.includes(shown.boot) === false) return false;`,
    '    const attested = await attestByCluster(context, cluster, shown);',
    [`${attestation}.test.ts`],
  ],
  [
    'another cluster replaces the pinned one unasked',
    `${cli}verbs/trust-cluster.ts`,
    'if (other !== undefined) {',
    `if (other !== undefined && facts.issuer === '') {`,
    [`${cli}trust-cluster.test.ts`],
  ],
  [
    'keys that are all new replace the pinned ones unasked',
    `${cli}verbs/trust-cluster.ts`,
    'if (before !== undefined && !given.replace) requireLike(before, facts, keys);',
    'if (before !== undefined && !given.replace) requireLike(before, facts, before.keys);',
    [`${cli}trust-cluster.test.ts`],
  ],
  [
    'images are pinned that nobody has accepted',
    `${cli}verbs/trust-cluster.ts`,
    'if (isAccepted) return images;',
    'return isAccepted ? images : [...images];',
    [`${cli}trust-cluster.test.ts`],
  ],
  [
    'a cluster is pinned for another service too',
    `${cli}cluster-pins.ts`,
    'if (server.fingerprint === fingerprint) context',
    'if (server.fingerprint !== origin) context',
    [`${cli}trust-cluster.test.ts`],
  ],
  [
    'doctor says nothing of an image that is not listed',
    `${cli}kubernetes/diagnose-cluster.ts`,
    'if (refused.length === 0) return',
    'if (refused.length >= 0) return',
    [`${cli}kubernetes/diagnose-cluster.test.ts`],
  ],
  [
    'the images of the configuration do not count',
    `${server}main.ts`,
    'bootImages: config.attest?.kubernetes?.images ?? [],',
    'bootImages: [],',
    replicas,
  ],
  [
    'a replica whose image is not listed does not say why',
    `${server}unseal-by-peers.ts`,
    'isImageUnlisted = refusals.includes(unlisted);',
    'isImageUnlisted = false;',
    replicas,
  ],
  [
    'no event says that an image is not listed',
    `${server}open-kubernetes.ts`,
    'if (reason !== imageReason || name === undefined) return;',
    'if (reason !== imageReason || name !== undefined) return;',
    replicas,
  ],
  [
    'a replica that admins have unsealed does not write its start down',
    `${server}main.ts`,
    '[peers.stop, keepOwnStart({ installation, log })]',
    '[peers.stop]',
    replicas,
  ],
  [
    'who was given the key in the name of a replica is not noticed',
    'packages/core/src/seal/claim-own-start.ts',
    ".boot === boot ? 'claimed' : 'taken'",
    ".boot === '' ? 'taken' : 'claimed'",
    ['packages/core/src/seal/peer-unseal.test.ts'],
  ],
  [
    'a start is written down over another one',
    'packages/core/src/seal/claim-own-start.ts',
    "      { key, field: 'mod', is: '=', revision: 0 },\n",
    '',
    ['packages/core/src/seal/peer-unseal.test.ts'],
  ],
  [
    'a start is written down after a seal',
    'packages/core/src/seal/claim-own-start.ts',
    "      { key: epochKey, field: 'mod', is: '=', revision: epoch },\n",
    '',
    ['packages/core/src/seal/peer-unseal.test.ts'],
  ],
  [
    'both attestations may be configured',
    `${server}config-checks.ts`,
    'return attestKeyFile === undefined || attestContainer === undefined',
    'return attestKeyFile === undefined || attestContainer !== undefined',
    [`${server}config.test.ts`],
  ],
  [
    'a boot token is asked for at every question',
    'packages/core/src/workloads/kubernetes-attestor.ts',
    'if (latest?.boot === boot && nowSeconds - latest.atSeconds < sameTokenSeconds) return latest.token;',
    'if (latest?.boot === boot && nowSeconds < latest.atSeconds) return latest.token;',
    ['packages/core/src/workloads/kubernetes-attestor.test.ts'],
  ],
  [
    'a boot token is shown after its end',
    'packages/core/src/workloads/kubernetes-attestor.ts',
    '&& nowSeconds - latest.atSeconds < sameTokenSeconds',
    '',
    ['packages/core/src/workloads/kubernetes-attestor.test.ts'],
  ],
];

export const attestMutants: readonly Mutant[] = rows.map(([name, file, search, replace, tests]) => ({
  name: `attest: ${name}`,
  edits: [{ file, search, replace }],
  tests,
}));
