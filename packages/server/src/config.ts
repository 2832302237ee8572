/**
 * The configuration: file, flags and environment become one frozen object, or an error that names every fault.
 * It must never be read again by anything else: what needs a setting is given it.
 * @module
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { rotationTimesOf, type InjectionSettings, type RotationTimes } from '@letterlock/core';
import { durationSeconds, type Grant, type PeerUnsealMode } from '@letterlock/protocol';
import { parseListenAddress, type ListenAddress } from './address.ts';
import { checkSettings, readMachineFacts, type MachineFacts } from './config-checks.ts';
import { ConfigError, type ConfigFault } from './config-error.ts';
import {
  environmentNameOf,
  flagOf,
  type logLevels,
  settings,
  storeKinds,
  type Setting,
  type SettingKey,
  type StoreKind,
} from './config-settings.ts';
import { readSources, type FlagValue, type RawSources, type SourceName } from './config-sources.ts';

export { ConfigError, type ConfigFault } from './config-error.ts';
export type { ListenAddress } from './address.ts';

export type LogLevel = (typeof logLevels)[number];

/** Exactly one of the stores. */
export type StoreConfig =
  | { readonly memory: { readonly refuseSwap: boolean }; readonly etcd?: undefined }
  | { readonly etcd: EtcdConfig; readonly memory?: undefined };

export interface EtcdConfig {
  readonly endpoints: readonly string[];
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly prefix: string;
  readonly quotaBytes: number;
}

/** Everything that is configured, complete and checked. */
export interface Config {
  readonly trustDomain: string;
  readonly store: StoreConfig;
  readonly listen: {
    readonly direct: ListenAddress;
    readonly grpc: ListenAddress | undefined;
    readonly webhook: ListenAddress | undefined;
    readonly health: ListenAddress | undefined;
  };
  /** Empty: the origins of the loopback listener, known once it listens. */
  readonly publicOrigins: readonly string[];
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly init: {
    /** PEM, one certificate each. */
    readonly certificates: readonly string[];
    readonly threshold: number;
    readonly acceptSingleHolder: boolean;
  };
  /** Keysets, compact JWS. */
  readonly identities: readonly string[];
  readonly grants: readonly Grant[];
  /** PEM, one certificate each. */
  readonly x509Authorities: readonly string[];
  readonly pinnedInstanceKey: string | undefined;
  /** Who says which processes are replicas; undefined: nobody does. */
  readonly attest: AttestConfig | undefined;
  /** `host:port` each. */
  readonly peers: readonly string[];
  readonly peerUnseal: PeerUnsealMode;
  /** Lives of workload certificates and of their authorities. */
  readonly ca: RotationTimes;
  /** Undefined: outside Kubernetes. */
  readonly kubernetes: KubernetesConfig | undefined;
  readonly quotas: { readonly liveWrapsPerIdentity: number; readonly liveSecretVersionsPerIdentity: number };
  /** `stdout`, `file:/path` or the address of a collector. */
  readonly audit: { readonly sinks: readonly string[] };
  readonly log: { readonly level: LogLevel };
  /** What a person should know about how the sources were combined; logged at start. */
  readonly notes: readonly string[];
}

export interface KubernetesConfig {
  /** `in-cluster`, or the path of a kubeconfig. */
  readonly access: string;
  readonly namespace: string;
  /** Name of this process's pod. */
  readonly pod: string;
  readonly checkSourceAddress: boolean;
  /** Undefined where no image is named: then nothing is injected. */
  readonly injection: InjectionSettings | undefined;
  /** `sha256:<hex>` of the agents that may enrol. */
  readonly agentDigests: readonly string[];
  /** As written in pods that the injector made before. */
  readonly formerAgentImages: readonly string[];
  readonly webhook: {
    readonly configuration: string;
    readonly service: string;
    readonly secret: string;
    readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  };
}

/** Exactly one of the attestations. */
export type AttestConfig =
  | { readonly static: StaticAttestConfig; readonly kubernetes?: undefined }
  | { readonly kubernetes: KubernetesAttestConfig; readonly static?: undefined };

export interface KubernetesAttestConfig {
  /** Name of the server's container in its pod. */
  readonly container: string;
  /** `sha256:<hex>` of the images whose replicas may be unsealed by others; they count at the initialisation. */
  readonly images: readonly string[];
}

export interface StaticAttestConfig {
  readonly keyFile: string;
  /** Thumbprints, 43 characters each. */
  readonly fingerprints: readonly string[];
}

export interface LoadConfigOptions {
  /** Path of the YAML file. */
  readonly file?: string;
  /** By flag name with or without `--`, such as `listen-direct`. */
  readonly flags?: Readonly<Record<string, FlagValue>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What the machine allows. Default: read from it. */
  readonly machine?: MachineFacts;
}

/** Reads and checks the configuration. @throws ConfigError naming every fault */
export function loadConfig(options: LoadConfigOptions): Config {
  const faults: ConfigFault[] = [];
  const sources = readSources(
    {
      ...(options.file === undefined ? {} : { file: options.file }),
      flags: options.flags ?? {},
      environment: options.environment ?? {},
    },
    faults,
  );
  // A file that cannot be read says nothing about the keys that seem to be missing.
  if (faults.some(({ at }) => at === 'file')) throw new ConfigError(faults);
  const chosen = new Map<SettingKey, unknown>();
  const notes: string[] = [];
  for (const setting of settings) chosen.set(setting.key, choose(setting, sources, faults, notes));
  const store = chooseStore(sources, faults, notes);
  if (faults.length > 0) throw new ConfigError(faults);

  // Each value has passed the schema of its key.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  const value = <T>(key: SettingKey): T => chosen.get(key) as T;
  const base = (key: string): string =>
    options.file !== undefined && sourceOf(key, sources) === 'file' ? dirname(resolve(options.file)) : process.cwd();
  const readPems = (key: SettingKey): readonly string[] =>
    value<readonly string[]>(key).flatMap((item, index) => readPem(item, base(key), `${key}[${index}]`, faults));
  const path = (key: SettingKey): string | undefined => {
    const text = value<string | undefined>(key);
    return text === undefined ? undefined : resolve(base(key), text);
  };
  const direct = parseListenAddress(value('listen.direct'))!;
  const grpc = parseListenAddress(value('listen.grpc'));
  const webhook = parseListenAddress(value('listen.webhook'));
  const health = parseListenAddress(value('listen.health'));
  const access = value<string>('kubernetes.access');
  const [webhookCertFile, webhookKeyFile] = [path('kubernetes.webhook.certFile'), path('kubernetes.webhook.keyFile')];
  const lifetime = (key: SettingKey): number => durationSeconds(value<string>(key))!;
  const ca = rotationTimesOf({
    leaf: lifetime('ca.leafTTL'),
    authority: lifetime('ca.authorityTTL'),
    renewBefore: value('ca.renewBefore') === undefined ? undefined : lifetime('ca.renewBefore'),
    overlap: lifetime('ca.overlap'),
  });
  const attestKeyFile = path('attest.static.keyFile');
  const attestContainer = value<string | undefined>('attest.kubernetes.container');
  const attestImages = value<readonly string[]>('attest.kubernetes.images');
  const certificates = readPems('init.certificates');
  const x509Authorities = readPems('x509Authorities');
  const [certFile, keyFile] = [path('tls.certFile'), path('tls.keyFile')];
  if (faults.length === 0) {
    faults.push(
      ...checkSettings(
        {
          direct,
          grpc,
          webhook,
          health,
          access,
          agentImage: value('kubernetes.agent.image'),
          webhookCertFile,
          webhookKeyFile,
          publicOrigins: value('publicOrigins'),
          attestKeyFile,
          attestContainer,
          attestImages,
          fingerprints: value('attest.static.fingerprints'),
          peers: value('peers'),
          isDurable: store === 'etcd',
          ca,
          certFile,
          keyFile,
          certificates,
          authorities: x509Authorities,
          identities: value('identities'),
          threshold: value('init.threshold'),
          acceptSingleHolder: value('init.acceptSingleHolder'),
          refuseSwap: value('store.memory.refuseSwap'),
        },
        options.machine ?? readMachineFacts(),
      ),
    );
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return deepFreeze({
    trustDomain: value<string>('trustDomain'),
    store:
      store === 'memory'
        ? { memory: { refuseSwap: value<boolean>('store.memory.refuseSwap') } }
        : {
            etcd: {
              endpoints: value<readonly string[]>('store.etcd.endpoints'),
              // Checked above: none of them is missing.
              caFile: path('store.etcd.caFile')!,
              certFile: path('store.etcd.certFile')!,
              keyFile: path('store.etcd.keyFile')!,
              prefix: value<string>('store.etcd.prefix'),
              quotaBytes: value<number>('store.etcd.quotaBytes'),
            },
          },
    listen: { direct, grpc, webhook, health },
    publicOrigins: value<readonly string[]>('publicOrigins'),
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    init: {
      certificates,
      threshold: value<number>('init.threshold'),
      acceptSingleHolder: value<boolean>('init.acceptSingleHolder'),
    },
    identities: value<readonly string[]>('identities'),
    grants: value<readonly Grant[]>('grants'),
    x509Authorities,
    pinnedInstanceKey: value<string | undefined>('pinnedInstanceKey'),
    attest:
      attestContainer !== undefined
        ? { kubernetes: { container: attestContainer, images: attestImages } }
        : attestKeyFile !== undefined
          ? { static: { keyFile: attestKeyFile, fingerprints: value<readonly string[]>('attest.static.fingerprints') } }
          : undefined,
    peers: value<readonly string[]>('peers'),
    peerUnseal: value<PeerUnsealMode>('peerUnseal'),
    ca,
    kubernetes:
      access === 'none'
        ? undefined
        : {
            access: access === 'in-cluster' ? access : path('kubernetes.access')!,
            namespace: value<string>('kubernetes.namespace'),
            pod: value<string | undefined>('kubernetes.pod') ?? hostname(),
            checkSourceAddress: value<boolean>('kubernetes.checkSourceAddress'),
            injection: injectionOf(value, store === 'etcd'),
            agentDigests: value<readonly string[]>('kubernetes.agent.digests'),
            formerAgentImages: value<readonly string[]>('kubernetes.agent.formerImages'),
            webhook: {
              configuration: value<string>('kubernetes.webhook.configuration'),
              service: value<string>('kubernetes.webhook.service'),
              secret: value<string>('kubernetes.webhook.secret'),
              tls:
                webhookCertFile === undefined || webhookKeyFile === undefined
                  ? undefined
                  : { certFile: webhookCertFile, keyFile: webhookKeyFile },
            },
          },
    quotas: {
      liveWrapsPerIdentity: value<number>('quotas.liveWrapsPerIdentity'),
      liveSecretVersionsPerIdentity: value<number>('quotas.liveSecretVersionsPerIdentity'),
    },
    audit: { sinks: value<readonly string[]>('audit.sinks') },
    log: { level: value<LogLevel>('log.level') },
    notes,
  });
}

/** What every injected pod is given; undefined where no image is named. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
function injectionOf(value: <T>(key: SettingKey) => T, isDurable: boolean): InjectionSettings | undefined {
  const image = value<string | undefined>('kubernetes.agent.image');
  if (image === undefined) return undefined;
  const serviceNamespace = value<string>('kubernetes.namespace');
  const quantity = (key: SettingKey, name: string): object => {
    const text = value<string>(key);
    return text === 'none' ? {} : { [name]: text };
  };
  return {
    trustDomain: value<string>('trustDomain'),
    serviceNamespace,
    directOrigin:
      value<string | undefined>('kubernetes.agent.directOrigin') ?? `https://letterlock.${serviceNamespace}.svc:8443`,
    agentTarget: value<string | undefined>('kubernetes.agent.target') ?? `letterlock.${serviceNamespace}.svc:9443`,
    // A restart of a transient service makes a new instance, which running pods must accept.
    instanceKey: isDurable ? value<string | undefined>('pinnedInstanceKey') : undefined,
    image,
    imagePullPolicy: value<InjectionSettings['imagePullPolicy']>('kubernetes.agent.imagePullPolicy'),
    startupCommand: value<readonly string[]>('kubernetes.agent.startupCommand'),
    userId: value<number>('kubernetes.agent.userId'),
    filesGroup: value<number>('kubernetes.agent.filesGroup'),
    logLevel: value<InjectionSettings['logLevel']>('kubernetes.agent.logLevel'),
    resources: {
      requests: {
        ...quantity('kubernetes.agent.requestCpu', 'cpu'),
        ...quantity('kubernetes.agent.requestMemory', 'memory'),
      },
      limits: {
        ...quantity('kubernetes.agent.limitCpu', 'cpu'),
        ...quantity('kubernetes.agent.limitMemory', 'memory'),
      },
    },
  };
}

/** One row of the reference of configuration keys. */
export interface SettingDescription {
  readonly key: string;
  readonly type: Setting['type'];
  readonly isRequired: boolean;
  readonly default: unknown;
  /** All flags that set it, the one made from the key first. */
  readonly flags: readonly string[];
  readonly environment: string;
  readonly description: string;
}

/** Every key with type, default, flags and environment variable, in the order of the file. */
export function describeConfig(): readonly SettingDescription[] {
  const store: SettingDescription = {
    key: 'store',
    type: 'text',
    isRequired: true,
    default: undefined,
    flags: ['--store'],
    environment: 'LETTERLOCK_STORE',
    description: `Where records live: ${storeKinds.join(' or ')}. In the file a mapping, such as \`store: {memory: {}}\`. Memory is transient: a restart is a new installation.`,
  };
  const described = settings.map((setting: Setting): SettingDescription => ({
    key: setting.key,
    type: setting.type,
    isRequired: setting.isRequired ?? false,
    default: setting.default,
    flags: [flagOf(setting.key), ...(setting.shortFlag === undefined ? [] : [setting.shortFlag])],
    environment: environmentNameOf(setting.key),
    description: setting.description,
  }));
  const place = described.findIndex(({ key }) => key.startsWith('store.'));
  return described.toSpliced(place, 0, store);
}

const precedence = [
  ['flag', 'flags'],
  ['environment', 'environment'],
  ['file', 'file'],
] as const satisfies readonly (readonly [SourceName, keyof RawSources])[];

/** The value of the first source that has one, after its schema; disagreement of later ones becomes a note. */
function choose(setting: Setting, sources: RawSources, faults: ConfigFault[], notes: string[]): unknown {
  const given = precedence.filter(([, source]) => sources[source].has(setting.key));
  const [first, ...others] = given;
  if (first === undefined) {
    if (setting.isRequired) faults.push({ at: setting.key, message: 'is missing' });
    return setting.default;
  }
  const value = sources[first[1]].get(setting.key);
  for (const [name, source] of others) {
    if (!isDeepStrictEqual(sources[source].get(setting.key), value)) {
      notes.push(`${setting.key}: ${first[0]} and ${name} disagree; the ${first[0]} counts`);
    }
  }
  const read = setting.schema.safeParse(value);
  if (read.success) return read.data;
  for (const issue of read.error.issues) {
    const place = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
    faults.push({ at: `${setting.key}${place}`, message: issue.message.replace(/^Invalid input: /, '') });
  }
  return undefined;
}

/** The store of the first source that names one; settings of another store, and missing ones of this, are faults. */
function chooseStore(sources: RawSources, faults: ConfigFault[], notes: string[]): StoreKind | undefined {
  const given = precedence.filter(([, source]) => sources[source].has('store'));
  const [first, ...others] = given;
  if (first === undefined) {
    faults.push({ at: 'store', message: `is missing: expected ${storeKinds.join(' or ')}` });
    return undefined;
  }
  const kind = sources[first[1]].get('store') as StoreKind;
  for (const [name, source] of others) {
    if (sources[source].get('store') !== kind)
      notes.push(`store: ${first[0]} and ${name} disagree; the ${first[0]} counts`);
  }
  const isGiven = (key: string): boolean => sourceOf(key, sources) !== undefined;
  for (const { key } of settings) {
    if (!key.startsWith('store.') || key.startsWith(`store.${kind}.`) || !isGiven(key)) continue;
    faults.push({ at: key, message: `is not for store ${kind}: expected one store, not both` });
  }
  if (kind === 'etcd') {
    for (const key of requiredForEtcd) if (!isGiven(key)) faults.push({ at: key, message: 'is missing' });
  }
  return kind;
}

const requiredForEtcd = [
  'store.etcd.endpoints',
  'store.etcd.caFile',
  'store.etcd.certFile',
  'store.etcd.keyFile',
] as const satisfies readonly SettingKey[];

function sourceOf(key: string, sources: RawSources): SourceName | undefined {
  return precedence.find(([, source]) => sources[source].has(key))?.[0];
}

const pemBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const pemFileLimitBytes = 262_144;

/** All certificates of one PEM text or file. */
function readPem(item: string, base: string, at: string, faults: ConfigFault[]): readonly string[] {
  let text = item;
  if (!item.includes('-----BEGIN ')) {
    try {
      text = readFileSync(resolve(base, item), 'latin1');
    } catch (error) {
      const { code } = error as { readonly code?: string };
      faults.push({ at, message: `cannot be read (${code ?? 'unknown error'})` });
      return [];
    }
  }
  const found = text.length > pemFileLimitBytes ? [] : (text.match(pemBlock) ?? []);
  if (found.length === 0) faults.push({ at, message: 'has no PEM certificate' });
  return found.map((block) => `${block}\n`);
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) deepFreeze(member as object);
  }
  return Object.freeze(value);
}
