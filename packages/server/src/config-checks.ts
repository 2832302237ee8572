/**
 * What must hold between settings, or between a setting and this machine, before anything starts.
 * It must never repair a setting: it names what is wrong.
 * @module
 */
import { readFileSync } from 'node:fs';
import type { RotationTimes } from '@letterlock/core';
import { readCertificate, verifyKeyset } from '@letterlock/crypto';
import { isProblemError } from '@letterlock/protocol';
import { isLoopback, type ListenAddress } from './address.ts';
import type { ConfigFault } from './config-error.ts';

/** What the machine allows, read once. */
export interface MachineFacts {
  /** Ports below this one need a privilege that this process may lack. */
  readonly firstFreePort: number;
  /** Bytes of this process that are swapped out; undefined where the system does not say. */
  readonly swappedBytes: number | undefined;
}

/** Reads the facts from /proc; a system without it is taken at its default. */
export function readMachineFacts(): MachineFacts {
  const status = readOptional('/proc/self/status');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const mayBindAnyPort = process.getuid?.() === 0 || ((effective >> 10n) & 1n) === 1n;
  const firstUnprivileged = Number(readOptional('/proc/sys/net/ipv4/ip_unprivileged_port_start').trim() || '1024');
  const swapped = /^VmSwap:\s*(\d+) kB$/m.exec(status)?.[1];
  return {
    firstFreePort: mayBindAnyPort ? 0 : firstUnprivileged,
    swappedBytes: swapped === undefined ? undefined : Number(swapped) * 1024,
  };
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** What the checks look at. */
export interface CheckedSettings {
  readonly direct: ListenAddress;
  readonly grpc: ListenAddress | undefined;
  readonly webhook: ListenAddress | undefined;
  readonly health: ListenAddress | undefined;
  readonly access: string;
  readonly agentImage: string | undefined;
  readonly webhookCertFile: string | undefined;
  readonly webhookKeyFile: string | undefined;
  readonly publicOrigins: readonly string[];
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly certificates: readonly string[];
  readonly authorities: readonly string[];
  readonly identities: readonly string[];
  readonly threshold: number;
  readonly acceptSingleHolder: boolean;
  readonly refuseSwap: boolean;
  readonly attestKeyFile: string | undefined;
  readonly attestContainer: string | undefined;
  readonly attestImages: readonly string[];
  readonly fingerprints: readonly string[];
  readonly peers: readonly string[];
  readonly isDurable: boolean;
  readonly ca: RotationTimes;
}

type Check = (settings: CheckedSettings, facts: MachineFacts) => readonly ConfigFault[];

/** Every rule, named after its violation. */
const checks: readonly Check[] = [
  function portsClash({ direct, grpc, webhook, health }) {
    const listeners = portsOf(direct, grpc, webhook, health).filter(({ port }) => port !== 0);
    return listeners.flatMap(({ at, port }, index) => {
      const other = listeners.slice(0, index).find((each) => each.port === port);
      return other === undefined ? [] : [{ at, message: `expected another port than ${other.at}` }];
    });
  },
  function portPrivileged({ direct, grpc, webhook, health }, { firstFreePort }) {
    return portsOf(direct, grpc, webhook, health)
      .filter(({ port }) => port !== 0 && port < firstFreePort)
      .map(({ at }) => ({ at, message: `expected a port from ${firstFreePort}: lower ones need a privilege` }));
  },
  function kubernetesMissing({ webhook, access }) {
    return webhook === undefined || access !== 'none'
      ? []
      : [{ at: 'kubernetes.access', message: 'is missing: listen.webhook is for the API server of Kubernetes' }];
  },
  function agentImageMissing({ webhook, agentImage }) {
    return webhook === undefined || agentImage !== undefined
      ? []
      : [{ at: 'kubernetes.agent.image', message: 'is missing: listen.webhook adds the agent to pods' }];
  },
  function webhookFilesIncomplete({ webhookCertFile, webhookKeyFile }) {
    if ((webhookCertFile === undefined) === (webhookKeyFile === undefined)) return [];
    const at = webhookCertFile === undefined ? 'kubernetes.webhook.certFile' : 'kubernetes.webhook.keyFile';
    return [{ at, message: 'is missing: both files or none' }];
  },
  function attestationMissing({ grpc, peers, attestKeyFile, attestContainer, access }) {
    // In Kubernetes the listener serves agents too.
    const isForReplicas = peers.length > 0 || (grpc !== undefined && access === 'none');
    if (attestKeyFile !== undefined || attestContainer !== undefined || !isForReplicas) return [];
    const at = access === 'none' ? 'attest.static.keyFile' : 'attest.kubernetes.container';
    return [{ at, message: 'is missing: replicas trust each other by attestation only' }];
  },
  function attestationTwice({ attestKeyFile, attestContainer }) {
    return attestKeyFile === undefined || attestContainer === undefined
      ? []
      : [{ at: 'attest', message: 'expected static or kubernetes, not both' }];
  },
  function attestationWithoutCluster({ attestContainer, access }) {
    return attestContainer === undefined || access !== 'none'
      ? []
      : [{ at: 'kubernetes.access', message: 'is missing: attest.kubernetes asks the API server of Kubernetes' }];
  },
  function attestedImagesAlone({ attestContainer, attestImages }) {
    return attestContainer !== undefined || attestImages.length === 0
      ? []
      : [{ at: 'attest.kubernetes.container', message: 'is missing: without it nothing looks at the images' }];
  },
  function fingerprintsMissing({ attestKeyFile, fingerprints }) {
    if ((attestKeyFile === undefined) === (fingerprints.length === 0)) return [];
    return [
      {
        at: attestKeyFile === undefined ? 'attest.static.keyFile' : 'attest.static.fingerprints',
        message: 'is missing: both or none',
      },
    ];
  },
  function peersOfTransient({ peers, isDurable }) {
    return peers.length === 0 || isDurable
      ? []
      : [{ at: 'peers', message: 'expected store etcd: a memory store belongs to one replica' }];
  },
  function renewalTooLate({ ca: { renewBefore, published, leaf } }) {
    const least = published + leaf;
    // Before the next one signs, the present one must still outlive every certificate that it gives.
    return renewBefore >= least
      ? []
      : [
          {
            at: 'ca.renewBefore',
            message: `expected at least ca.overlap and ca.leafTTL together, ${least}s, of which it has ${renewBefore}s`,
          },
        ];
  },
  function authorityTooShort({ ca: { lifetime, renewBefore, published } }) {
    return lifetime >= renewBefore + published
      ? []
      : [
          {
            at: 'ca.authorityTTL',
            message: `expected at least ca.renewBefore and ca.overlap together, ${renewBefore + published}s, of which it has ${lifetime}s`,
          },
        ];
  },
  function originsMissing({ direct, publicOrigins }) {
    const missing = publicOrigins.length === 0 && !isLoopback(direct.host);
    return missing
      ? [
          {
            at: 'publicOrigins',
            message: 'is missing: proofs name the origin, so it must be known beyond this machine',
          },
        ]
      : [];
  },
  function tlsFilesIncomplete({ certFile, keyFile }) {
    if ((certFile === undefined) === (keyFile === undefined)) return [];
    return [{ at: certFile === undefined ? 'tls.certFile' : 'tls.keyFile', message: 'is missing: both files or none' }];
  },
  function certificateUnusable({ certificates }) {
    return certificates.flatMap((pem, index) => {
      const message = faultOfCertificate(pem);
      return message === undefined ? [] : [{ at: `init.certificates[${index}]`, message }];
    });
  },
  function certificateRepeated({ certificates }) {
    const keys = certificates.filter((pem) => faultOfCertificate(pem) === undefined).map(thumbprintOf);
    return new Set(keys).size === keys.length
      ? []
      : [{ at: 'init.certificates', message: 'expected each key once: two certificates have the same key' }];
  },
  function authorityUnusable({ authorities }) {
    return authorities.flatMap((pem, index) =>
      isAuthority(pem) ? [] : [{ at: `x509Authorities[${index}]`, message: 'expected a CA certificate' }],
    );
  },
  function keysetUnusable({ identities }) {
    return identities.flatMap((jws, index) =>
      isKeyset(jws) ? [] : [{ at: `identities[${index}]`, message: 'expected a letterlock-keyset+jws' }],
    );
  },
  function thresholdTooHigh({ certificates, threshold }) {
    return threshold > certificates.length
      ? [{ at: 'init.threshold', message: `expected at most the number of init certificates, ${certificates.length}` }]
      : [];
  },
  function singleHolder({ certificates, acceptSingleHolder }) {
    return certificates.length === 1 && !acceptSingleHolder
      ? [
          {
            at: 'init.certificates',
            message: 'expected at least two: with one, a lost key loses all data; init.acceptSingleHolder accepts that',
          },
        ]
      : [];
  },
  function memorySwapped({ refuseSwap }, { swappedBytes }) {
    return refuseSwap && (swappedBytes ?? 0) > 0
      ? [{ at: 'store.memory.refuseSwap', message: 'memory of this process is swapped out: switch swap off for it' }]
      : [];
  },
];

function portsOf(
  direct: ListenAddress,
  grpc: ListenAddress | undefined,
  webhook: ListenAddress | undefined,
  health: ListenAddress | undefined,
): readonly { readonly at: string; readonly port: number }[] {
  return [
    { at: 'listen.direct', port: direct.port },
    { at: 'listen.grpc', port: grpc?.port ?? 0 },
    { at: 'listen.webhook', port: webhook?.port ?? 0 },
    { at: 'listen.health', port: health?.port ?? 0 },
  ];
}

/** All violations of all rules. */
export function checkSettings(settings: CheckedSettings, facts: MachineFacts): readonly ConfigFault[] {
  return checks.flatMap((check) => check(settings, facts));
}

function faultOfCertificate(pem: string): string | undefined {
  try {
    const { sealingKey } = readCertificate(pem);
    return sealingKey === undefined ? 'expected a key that can receive: EC P-256, EC P-384 or RSA' : undefined;
  } catch (error) {
    const detail = isProblemError(error) ? error.detail : undefined;
    return `not an acceptable certificate${detail === undefined ? '' : `: ${detail}`}`;
  }
}

function isAuthority(pem: string): boolean {
  try {
    return readCertificate(pem).certificate.ca;
  } catch {
    return false;
  }
}

function isKeyset(jws: string): boolean {
  try {
    verifyKeyset(jws);
    return true;
  } catch {
    return false;
  }
}

function thumbprintOf(pem: string): string {
  return readCertificate(pem).key.thumbprint;
}
