/**
 * Every configuration key, once: its type, default, description, and from these its flag and its environment variable.
 * It must never read a source.
 * @module
 */
import { defaultInjectionSettings } from '@letterlock/core';
import {
  durationSeconds,
  grant,
  limits,
  peerUnsealModes,
  readClaims,
  trustDomain,
  type Grant,
  type JcsObject,
  canonicalize,
} from '@letterlock/protocol';
import { z } from 'zod';
import { isPublicOrigin, parseListenAddress } from './address.ts';
import { parseSinkAddress, sinkAddressForm } from './audit/sink-address.ts';

/** How a setting is written in a flag or an environment variable. `list`: repeated flag, or separated by commas. `documents`: a JSON array. */
export type SettingType = 'text' | 'integer' | 'boolean' | 'list' | 'documents';

export interface Setting {
  /** Dotted key in the file. */
  readonly key: string;
  readonly type: SettingType;
  readonly schema: z.ZodType;
  /** Value when no source gives one; absent: there is none. */
  readonly default?: unknown;
  readonly isRequired?: boolean;
  /** Flag beside the one made from the key. */
  readonly shortFlag?: string;
  readonly description: string;
}

/** Names of the stores; `store` in a flag or variable is one of these, in the file a mapping of that name. */
export const storeKinds = ['memory', 'etcd'] as const;
export type StoreKind = (typeof storeKinds)[number];
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

const address = z.string().refine((text) => parseListenAddress(text) !== undefined, {
  error: 'expected host:port, [address]:port or :port',
});
const filePath = z.string().min(1);
// An address instead of a name is refused: the runtime does not send one in TLS, so no certificate could be checked against it.
const memberEndpoint = z.string().regex(/^https:\/\/(?=[^:]*[A-Za-z])[A-Za-z0-9.-]+:\d{1,5}$/, {
  error: 'expected https://name:port: records never travel in clear, and a certificate is checked against a host name',
});
const thumbprint = z
  .string()
  .regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, { error: 'expected a thumbprint of 43 characters' });
const peerAddress = z.string().refine(
  (text) => {
    const parsed = parseListenAddress(text);
    return parsed?.host !== undefined && parsed.port > 0;
  },
  { error: 'expected host:port or [address]:port' },
);
const certificateSource = z.string().min(1);
const namespaceName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, { error: 'expected a namespace' });
const imageDigest = z.string().regex(/^sha256:[0-9a-f]{64}$/, { error: 'expected sha256: and 64 hexadecimal digits' });
const objectName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, { error: 'expected a name of a Kubernetes object' });

/** Shape of least and most: durations that the text may not pass. */
function lifetime(least: string, most: string): z.ZodType {
  const [from, to] = [durationSeconds(least)!, durationSeconds(most)!];
  const isWithin = (text: string): boolean => {
    const seconds = durationSeconds(text);
    return seconds !== undefined && seconds >= from && seconds <= to;
  };
  return z.string().refine(isWithin, { error: `expected a duration from ${least} to ${most}, such as 90m` });
}

export const settings = [
  {
    key: 'trustDomain',
    type: 'text',
    schema: z.string().refine(
      readsBy((text) => trustDomain(text, '')),
      { error: 'expected a trust domain, such as prod.example' },
    ),
    isRequired: true,
    description: 'Name of this installation in workload identities and in the state statement, such as prod.example.',
  },
  {
    key: 'store.memory.refuseSwap',
    type: 'boolean',
    schema: z.boolean(),
    default: false,
    description: 'Refuse to start when memory of this process has been swapped out.',
  },
  {
    key: 'store.etcd.endpoints',
    type: 'list',
    schema: z.array(memberEndpoint).min(1, { error: 'expected at least one endpoint' }),
    shortFlag: '--etcd-endpoints',
    description: 'Members of the etcd cluster, such as https://etcd-0.etcd:2379: each of them, not a load balancer.',
  },
  {
    key: 'store.etcd.caFile',
    type: 'text',
    schema: filePath,
    shortFlag: '--etcd-ca-file',
    description: 'PEM certificates of who signs the certificates of the members.',
  },
  {
    key: 'store.etcd.certFile',
    type: 'text',
    schema: filePath,
    shortFlag: '--etcd-cert-file',
    description: 'PEM client certificate for etcd, which nobody else may hold.',
  },
  {
    key: 'store.etcd.keyFile',
    type: 'text',
    schema: filePath,
    shortFlag: '--etcd-key-file',
    description: 'PEM private key of store.etcd.certFile; must not be readable by everybody.',
  },
  {
    key: 'store.etcd.prefix',
    type: 'text',
    schema: z
      .string()
      .regex(/^[\x21-\x7e]{0,127}\/$/, { error: 'expected at most 128 printable characters that end in /' }),
    default: 'letterlock/',
    shortFlag: '--etcd-prefix',
    description: 'Begins every key of this installation: one prefix for each, never changed.',
  },
  {
    key: 'store.etcd.quotaBytes',
    type: 'integer',
    schema: z.int().min(1_048_576).max(17_179_869_184),
    default: 2_147_483_648,
    shortFlag: '--etcd-quota-bytes',
    description: 'What etcd was given as --quota-backend-bytes; for the warning before it is used up.',
  },
  {
    key: 'listen.direct',
    type: 'text',
    schema: address,
    default: '127.0.0.1:8443',
    description: 'Address of the API (TLS 1.3). The default is reachable from this machine only.',
  },
  {
    key: 'listen.grpc',
    type: 'text',
    schema: z.union([z.literal('none'), address], { error: 'expected none, host:port, [address]:port or :port' }),
    default: 'none',
    description:
      'Address for other replicas (gRPC over TLS 1.3), usually :9443, or none. Reachable by replicas only, if you can.',
  },
  {
    key: 'listen.webhook',
    type: 'text',
    schema: z.union([z.literal('none'), address], { error: 'expected none, host:port, [address]:port or :port' }),
    default: 'none',
    description:
      'Address for the API server of Kubernetes (admission reviews over TLS 1.3), usually :10250, or none. Needs kubernetes.access.',
  },
  {
    key: 'listen.health',
    type: 'text',
    schema: z.union([z.literal('none'), address], { error: 'expected none, host:port, [address]:port or :port' }),
    default: '127.0.0.1:9090',
    description: 'Address of /livez, /readyz and /metrics (plain HTTP), or none.',
  },
  {
    key: 'publicOrigins',
    type: 'list',
    schema: z.array(
      z.string().refine(isPublicOrigin, {
        error: 'expected an origin: https://, the host in lower case, :port unless 443, nothing after it',
      }),
    ),
    default: [],
    description:
      'Origins under which clients dial the API; proofs are compared with them. May be absent when listen.direct is loopback.',
  },
  {
    key: 'tls.certFile',
    type: 'text',
    schema: filePath,
    description: 'PEM certificate chain to serve instead of a self-signed certificate; read again when it changes.',
  },
  {
    key: 'tls.keyFile',
    type: 'text',
    schema: filePath,
    description: 'PEM private key of tls.certFile; must not be readable by everybody.',
  },
  {
    key: 'init.certificates',
    type: 'list',
    schema: z
      .array(certificateSource)
      .min(1, { error: 'expected at least one certificate' })
      .max(16, { error: 'expected at most 16 certificates' }),
    isRequired: true,
    description: 'Init certificates: PEM text, or paths of PEM files. Their keys unseal the service and administer it.',
  },
  {
    key: 'init.threshold',
    type: 'integer',
    schema: z.int().min(1).max(16),
    default: 1,
    description: 'How many init certificates unseal together; 1: each of them alone.',
  },
  {
    key: 'init.acceptSingleHolder',
    type: 'boolean',
    schema: z.boolean(),
    default: false,
    shortFlag: '--accept-single-holder',
    description: 'Accept one init certificate alone: whoever loses its key loses the sealed data.',
  },
  {
    key: 'identities',
    type: 'list',
    schema: z.array(z.string().min(1)),
    default: [],
    description: 'Keysets (compact JWS) that are registered at initialisation.',
  },
  {
    key: 'grants',
    type: 'documents',
    schema: z.array(z.unknown().transform(grantOf)),
    default: [],
    description: 'Grants that are given at initialisation: objects of who, verbs, path and optionally until.',
  },
  {
    key: 'x509Authorities',
    type: 'list',
    schema: z.array(certificateSource),
    default: [],
    description:
      'CA certificates (PEM text or paths) whose leaf certificates are evidence for registering an identity.',
  },
  {
    key: 'pinnedInstanceKey',
    type: 'text',
    schema: thumbprint,
    description: 'Thumbprint of the instance key; a keyring with another one is refused.',
  },
  {
    key: 'attest.static.keyFile',
    type: 'text',
    schema: filePath,
    description:
      "PEM private key of this replica's static identity, one for each replica; must not be readable by everybody. It says outside Kubernetes which boot keys are a replica's.",
  },
  {
    key: 'attest.static.fingerprints',
    type: 'list',
    schema: z.array(thumbprint),
    default: [],
    description: 'Fingerprints of the static identities of all replicas, as "letterlock key show" prints them.',
  },
  {
    key: 'attest.kubernetes.container',
    type: 'text',
    schema: objectName,
    description:
      "Name of the server's container in its pod. With it the API server says which boot keys are a replica's: needs kubernetes.access.",
  },
  {
    key: 'attest.kubernetes.images',
    type: 'list',
    schema: z.array(imageDigest).max(limits.bootImages, {
      error: `expected at most ${limits.bootImages} images`,
    }),
    default: [],
    description:
      'Digests of the server images whose replicas may be unsealed by others, as the kubelet reports them. They count at initialisation; later only a quorum changes them (images.set). None: no replica is unsealed by another.',
  },
  {
    key: 'peers',
    type: 'list',
    schema: z.array(peerAddress),
    default: [],
    description:
      'Addresses (listen.grpc) of the other replicas, which a sealed replica asks to unseal it; its own may be among them.',
  },
  {
    key: 'peerUnseal',
    type: 'text',
    schema: z.enum(peerUnsealModes, { error: `expected one of ${peerUnsealModes.join(', ')}` }),
    default: 'attested',
    description:
      'Whether an attested replica may be unsealed by another one. Counts at initialisation; later only a quorum changes it (peer_unseal.set).',
  },
  {
    key: 'ca.leafTTL',
    type: 'text',
    schema: lifetime('2m', '1h'),
    default: '1h',
    description:
      'How long a certificate of a workload lives. It is renewed at half of that, and had anew after a longer absence.',
  },
  {
    key: 'ca.authorityTTL',
    type: 'text',
    schema: lifetime('2m', '8760h'),
    default: '2160h',
    description: 'How long an authority of these certificates lives; each has a new key.',
  },
  {
    key: 'ca.renewBefore',
    type: 'text',
    schema: lifetime('1m', '8760h'),
    description:
      'How much of its life an authority has left when the next one is published. Default: a third of ca.authorityTTL.',
  },
  {
    key: 'ca.overlap',
    type: 'text',
    schema: lifetime('30s', '24h'),
    default: '2h',
    description:
      'How long an authority is published before it signs, so that every agent knows it by then; kubelets take up to two minutes.',
  },
  {
    key: 'kubernetes.access',
    type: 'text',
    schema: filePath,
    default: 'none',
    shortFlag: '--kubernetes',
    description:
      'How the API server of Kubernetes is reached: in-cluster, the path of a kubeconfig, or none. With none, no other kubernetes key counts.',
  },
  {
    key: 'kubernetes.namespace',
    type: 'text',
    schema: namespaceName,
    default: 'letterlock-system',
    description: 'Namespace of this service.',
  },
  {
    key: 'kubernetes.pod',
    type: 'text',
    schema: objectName,
    description: 'Name of the pod of this process. Default: the name of the host.',
  },
  {
    key: 'kubernetes.checkSourceAddress',
    type: 'boolean',
    schema: z.boolean(),
    default: true,
    description: 'Whether an agent must enrol from the address of its pod. Set it to false behind a mesh.',
  },
  {
    key: 'kubernetes.agent.image',
    type: 'text',
    schema: z.string().min(1).max(512),
    description: 'Image of the agent that is added to pods, best with its digest.',
  },
  {
    key: 'kubernetes.agent.digests',
    type: 'list',
    schema: z.array(imageDigest),
    default: [],
    description: 'Digests of the agent that may enrol: that of kubernetes.agent.image, and of the two before it.',
  },
  {
    key: 'kubernetes.agent.formerImages',
    type: 'list',
    schema: z.array(z.string().min(1).max(512)).max(16),
    default: [],
    description: 'Images, as written in running pods, of the agents before this one: their pods may go on.',
  },
  {
    key: 'kubernetes.agent.imagePullPolicy',
    type: 'text',
    schema: z.enum(['Always', 'IfNotPresent', 'Never']),
    default: defaultInjectionSettings.imagePullPolicy,
    description: 'When the image of the agent is pulled.',
  },
  {
    key: 'kubernetes.agent.startupCommand',
    type: 'list',
    schema: z.array(z.string().min(1)).min(1),
    default: ['/nodejs/bin/node', '/app/lib/letterlock-agent.js', 'startup'],
    description: 'Command in that image which ends with 0 once the required files are there.',
  },
  {
    key: 'kubernetes.agent.directOrigin',
    type: 'text',
    schema: z.string().refine(isPublicOrigin, { error: 'expected an origin, such as https://letterlock.ns.svc:8443' }),
    description: 'Where agents enrol (listen.direct). Default: https://letterlock.<kubernetes.namespace>.svc:8443.',
  },
  {
    key: 'kubernetes.agent.target',
    type: 'text',
    schema: peerAddress,
    description: 'Where agents do everything else (listen.grpc). Default: letterlock.<kubernetes.namespace>.svc:9443.',
  },
  {
    key: 'kubernetes.agent.userId',
    type: 'integer',
    schema: z.int().min(1).max(2_147_483_647),
    default: defaultInjectionSettings.userId,
    description: 'Uid of the agent where the pod names none.',
  },
  {
    key: 'kubernetes.agent.filesGroup',
    type: 'integer',
    schema: z.int().min(1).max(2_147_483_647),
    default: defaultInjectionSettings.filesGroup,
    description: 'Group that may read the files: primary group of the agent, supplemental group of the pod.',
  },
  {
    key: 'kubernetes.agent.logLevel',
    type: 'text',
    schema: z.enum(['error', 'warn', 'info', 'debug']),
    default: defaultInjectionSettings.logLevel,
    description: 'Least severity that agents log.',
  },
  ...(
    [
      ['requestCpu', defaultInjectionSettings.resources.requests.cpu, 'Processor time that the agent requests.'],
      ['requestMemory', defaultInjectionSettings.resources.requests.memory, 'Memory that the agent requests.'],
      ['limitCpu', 'none', 'Most processor time of the agent, or none.'],
      [
        'limitMemory',
        defaultInjectionSettings.resources.limits.memory,
        'Most memory of the agent, or none. Under 96Mi a start takes many seconds.',
      ],
    ] as const
  ).map(
    ([name, quantity, description]) =>
      ({
        key: `kubernetes.agent.${name}`,
        type: 'text',
        schema: z.string().regex(/^(?:none|\d+(?:\.\d+)?(?:m|k|M|G|Ki|Mi|Gi)?)$/, {
          error: 'expected a quantity, such as 32Mi, or none',
        }),
        default: quantity,
        description,
      }) as const,
  ),
  {
    key: 'kubernetes.webhook.configuration',
    type: 'text',
    schema: objectName,
    default: 'letterlock-injector',
    description: 'Name of the MutatingWebhookConfiguration whose caBundle this service writes.',
  },
  {
    key: 'kubernetes.webhook.service',
    type: 'text',
    schema: objectName,
    default: 'letterlock-webhook',
    description: 'Name of the Service of listen.webhook, for the certificate.',
  },
  {
    key: 'kubernetes.webhook.secret',
    type: 'text',
    schema: objectName,
    default: 'letterlock-webhook-tls',
    description: "Name of the Secret that keeps the webhook's own CA, which this service makes.",
  },
  {
    key: 'kubernetes.webhook.certFile',
    type: 'text',
    schema: filePath,
    description:
      'PEM certificate chain for listen.webhook instead of one of its own CA, such as of cert-manager; read again when it changes. caBundle is then written by others.',
  },
  {
    key: 'kubernetes.webhook.keyFile',
    type: 'text',
    schema: filePath,
    description: 'PEM private key of kubernetes.webhook.certFile; must not be readable by everybody.',
  },
  {
    key: 'quotas.liveWrapsPerIdentity',
    type: 'integer',
    schema: z.int().min(1).max(10_000_000),
    default: 10_000,
    description: 'Wraps of one writer that are not yet opened, revoked or expired.',
  },
  {
    key: 'quotas.liveSecretVersionsPerIdentity',
    type: 'integer',
    schema: z.int().min(1).max(10_000_000),
    default: 10_000,
    description: 'Versions of secrets by one writer that are neither destroyed nor expired.',
  },
  {
    key: 'audit.sinks',
    type: 'list',
    schema: z.array(z.string().refine((text) => parseSinkAddress(text) !== undefined, { error: sinkAddressForm })),
    default: [],
    description:
      'Where audit lines are copied to: stdout, file:/path, or the https:// address of a collector. The store has every record in any case.',
  },
  {
    key: 'log.level',
    type: 'text',
    schema: z.enum(logLevels, { error: `expected one of ${logLevels.join(', ')}` }),
    default: 'info',
    description: 'Least severity that is logged.',
  },
] as const satisfies readonly Setting[];

export type SettingKey = (typeof settings)[number]['key'];

/** `listen.direct` → `--listen-direct` */
export function flagOf(key: string): string {
  return `--${words(key).join('-')}`;
}

/** `listen.direct` → `LETTERLOCK_LISTEN_DIRECT` */
export function environmentNameOf(key: string): string {
  return `LETTERLOCK_${words(key).join('_').toUpperCase()}`;
}

function words(key: string): readonly string[] {
  return key.split('.').flatMap((part) =>
    part
      .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, ' ')
      .toLowerCase()
      .split(' '),
  );
}

function readsBy(read: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      read(text);
      return true;
    } catch {
      return false;
    }
  };
}

function grantOf(value: unknown, context: z.RefinementCtx): Grant {
  try {
    return readClaims(grant, canonicalize(value as JcsObject));
  } catch {
    context.addIssue({
      code: 'custom',
      message: 'expected a grant: who, verbs, path, and optionally until in seconds',
    });
    return z.NEVER;
  }
}
