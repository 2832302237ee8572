/**
 * What the injector writes and the agent reads: names of its container, volumes, files and variables, and the pod's own settings.
 * It must never name a variable that a Service in the pod's namespace could fill: none ends in _PORT, _HOST, _ADDR or _PROTO.
 * @module
 */
import { canonicalize, parseCanonical, type JcsObject } from './jcs.ts';
import { ProblemError } from './problems.ts';
import { array, integer, matching, object, oneOf, optional, text } from './shape.ts';

/** Group of annotations, labels and resources. */
export const kubernetesGroup = 'letterlock.dev';
/** Name of the container, of which there is one in a pod. */
export const agentContainerName = 'letterlock-agent';
/** ConfigMap of each namespace: the trust bundle, and the instance key that signed it, as a JWK. */
export const trustConfigMap = {
  name: 'letterlock-trust',
  bundle: 'bundle.jws',
  instanceKey: 'instance-key.json',
} as const;

/** Volumes that the injector adds. Every name with the prefix is reserved. */
export const agentVolumes = {
  prefix: 'letterlock-',
  enrolment: 'letterlock-enrolment',
  trust: 'letterlock-trust',
  secrets: 'letterlock-secrets',
  writer: 'letterlock-writer',
} as const;

/** Where the agent finds its things; applications mount the secrets where their pod says, by default at the same place. */
export const agentPaths = {
  secrets: '/run/letterlock',
  socket: '/run/letterlock/agent.sock',
  enrolmentToken: '/var/run/secrets/letterlock.dev/enrolment/token',
  trustBundle: '/var/run/secrets/letterlock.dev/trust/bundle.jws',
  instanceKey: '/var/run/secrets/letterlock.dev/trust/instance-key.json',
  /** In application containers of writer pods only. */
  writerToken: '/var/run/secrets/letterlock.dev/writer/token',
} as const;

/** Variables of the agent: all of them are always set. */
export const agentVariables = {
  trustDomain: 'LETTERLOCK_TRUST_DOMAIN',
  /** `https://host:port` of the listener for enrolment. */
  directOrigin: 'LETTERLOCK_DIRECT_ORIGIN',
  /** `host:port` of the listener for agents. */
  agentTarget: 'LETTERLOCK_AGENT_TARGET',
  /** Thumbprint of the instance key that the bundle must be signed by, or `any`. */
  instanceKey: 'LETTERLOCK_INSTANCE_KEY',
  /** `sidecar` or `init`. */
  mode: 'LETTERLOCK_MODE',
  /** `true` or `false`: whether the socket takes writes. */
  writer: 'LETTERLOCK_WRITER',
  logLevel: 'LETTERLOCK_LOG_LEVEL',
  /** The pod's own delivery settings, read by readPodDelivery. */
  delivery: 'LETTERLOCK_DELIVERY',
  namespace: 'LETTERLOCK_NAMESPACE',
  podName: 'LETTERLOCK_POD_NAME',
  podUid: 'LETTERLOCK_POD_UID',
  serviceAccount: 'LETTERLOCK_SERVICE_ACCOUNT',
} as const;

/** Value of the instance key's variable where none is pinned; an empty value would be lost in the API server. */
export const anyInstanceKey = 'any';

const objectName = matching(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'a name of a Kubernetes object');
const relativePath = matching(
  /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+){0,15}$/,
  'a relative path without . and ..',
);
/** Key of a binding's secret. */
const secretKey = matching(/^(?!\.{1,2}$)[-._a-zA-Z0-9]{1,253}$/, 'a key of letters, digits, -, _ and .');
const secretName = matching(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'a name of a secret');

/** Modes of delivered files; those that only the owner may read need the application's own uid. */
export const filePermissions = ['0440', '0444', '0400', '0600'] as const;
export const fileFormats = ['raw', 'json', 'dotenv'] as const;
export const missingActions = ['Wait', 'Fail', 'Start'] as const;

/** Most files that a pod may ask for by annotations. */
export const podFilesLimit = 64;
export const podBindingsLimit = 16;
export const templateBytes = 16_384;

const onMissing = oneOf(...missingActions);
const onUpdate = object({
  action: oneOf('None', 'HTTP'),
  path: optional(matching(/^\/[A-Za-z0-9._~/-]{0,255}$/, 'a path of a URL')),
  port: optional(integer(1, 65_535)),
});
const waitTimeoutSeconds = integer(1, 3600);

/** What a binding says about delivery, as its Watch events carry it: files of all its secrets, and the pod's conduct. */
export const bindingDelivery = object({
  files: optional(
    array(
      object({
        format: optional(oneOf(...fileFormats)),
        key: optional(secretKey),
        path: relativePath,
        perms: optional(oneOf(...filePermissions)),
        secret: secretName,
        template: optional(text(templateBytes)),
      }),
      podFilesLimit * podBindingsLimit,
    ),
  ),
  on_missing: optional(onMissing),
  on_update: optional(onUpdate),
  wait_timeout_seconds: optional(waitTimeoutSeconds),
});
export type BindingDelivery = ReturnType<typeof bindingDelivery>;

/** What a pod's annotations say about delivery; what is absent, the binding decides. */
export const podDelivery = object({
  /** Names of bindings in the pod's namespace; absent: all that match. */
  bindings: optional(array(objectName, podBindingsLimit, 1)),
  files: array(
    object({
      binding: objectName,
      format: optional(oneOf(...fileFormats)),
      key: optional(secretKey),
      path: relativePath,
      perms: optional(oneOf(...filePermissions)),
      secret: secretName,
      template: optional(text(templateBytes)),
    }),
    podFilesLimit,
  ),
  on_missing: optional(onMissing),
  on_update: optional(onUpdate),
  wait_timeout_seconds: optional(waitTimeoutSeconds),
});
export type PodDelivery = ReturnType<typeof podDelivery>;

/** As the value of a variable: JSON without a dollar sign, which the kubelet would expand. */
export function writePodDelivery(delivery: PodDelivery): string {
  return canonicalize(delivery).replaceAll('$', '\\u0024');
}

/** @throws 'bad_encoding' */
export function readPodDelivery(value: string): PodDelivery {
  let canonical: string;
  try {
    canonical = canonicalize(JSON.parse(value) as JcsObject);
  } catch (cause) {
    throw new ProblemError('bad_encoding', { reason: 'delivery_syntax', cause });
  }
  return podDelivery(parseCanonical(canonical), '');
}
