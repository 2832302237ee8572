/**
 * Reads the `letterlock.dev/…` annotations and labels of a pod into one request for injection, or names the one that is wrong.
 * It must never ignore an annotation of ours that it does not know, nor repeat a value.
 * @module
 */
import {
  fileFormats,
  kubernetesGroup,
  missingActions,
  nearest,
  podFilesLimit,
  type PodDelivery,
} from '@letterlock/protocol';
import {
  bindingNames,
  containerNames,
  filePath,
  mountPath,
  oneOf,
  permissions,
  resourceQuantity,
  secretReferenceValue,
  template,
  updateAction,
  userId,
  waitSeconds,
  yesOrNo,
  type ValueReader,
} from './annotation-values.ts';
import type { Pod } from './pod.ts';

const prefix = `${kubernetesGroup}/`;
/** Written by the webhook, whatever stood there before. */
export const statusAnnotation = `${prefix}status`;
export const injectedStatus = 'injected';

/** Annotations of one value. */
const single = {
  inject: yesOrNo,
  binding: bindingNames,
  containers: containerNames,
  'mount-path': mountPath,
  order: oneOf('first', 'last'),
  agent: oneOf('sidecar', 'init'),
  writer: yesOrNo,
  'on-missing': oneOf(...missingActions),
  'wait-timeout': waitSeconds,
  'on-update': updateAction,
  'run-as-user': userId,
  'agent-requests-cpu': resourceQuantity,
  'agent-requests-memory': resourceQuantity,
  'agent-limits-cpu': resourceQuantity,
  'agent-limits-memory': resourceQuantity,
  'log-level': oneOf('error', 'warn', 'info', 'debug'),
} as const satisfies Readonly<Record<string, ValueReader<unknown>>>;
type SingleName = keyof typeof single;
type ValueOf<R> = R extends ValueReader<infer T> ? T : never;
type Singles = { readonly [N in SingleName]?: ValueOf<(typeof single)[N]> };

/** Annotations that each file has one of; behind the dash stands the file's name. */
const ofFile = {
  secret: secretReferenceValue,
  file: filePath,
  perms: permissions,
  template,
  format: oneOf(...fileFormats),
} as const satisfies Readonly<Record<string, ValueReader<unknown>>>;
type FileMember = keyof typeof ofFile;
type FileMembers = { readonly [N in FileMember]?: ValueOf<(typeof ofFile)[N]> };
const fileMembers = Object.keys(ofFile) as readonly FileMember[];
const fileName = /^[a-z0-9](?:[a-z0-9._-]{0,40}[a-z0-9])?$/;

/** What other injectors offer and this one never does: the installation decides it. */
const neverOffered: ReadonlySet<string> = new Set(
  [
    'image agent-image addr address agent-addr service server proxy-address port listener',
    'ca ca-cert client-cert client-key tls-secret tls-server-name tls-skip-verify trust-domain',
    'json-patch agent-json-patch patch share-process-namespace agent-share-process-namespace',
  ].flatMap((line) => line.split(' ')),
);

/** Which annotation or label is wrong, and what it should have been; never its value. */
export interface AnnotationFault {
  /** With the prefix, as in the pod. */
  readonly key: string;
  readonly message: string;
}

/** What the pod says about injection at all. */
export type Asking = 'yes' | 'no' | 'nothing';

/** A pod's own wishes. */
export interface PodRequest {
  /** Names of containers; undefined: all that are not init containers. */
  readonly containers: readonly string[] | undefined;
  readonly mountPath: string | undefined;
  readonly order: 'first' | 'last';
  readonly mode: 'sidecar' | 'init';
  readonly isWriter: boolean;
  readonly runAsUser: number | undefined;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug' | undefined;
  readonly resources: {
    readonly requests: { readonly cpu?: string; readonly memory?: string };
    readonly limits: { readonly cpu?: string; readonly memory?: string };
  };
  /** For the agent. */
  readonly delivery: PodDelivery;
}

export type ReadAnnotations =
  | { readonly asking: Asking; readonly request: PodRequest }
  | { readonly asking: Asking; readonly fault: AnnotationFault };

/** Whether the pod asks for injection: the annotation speaks before the label. */
export function askingOf({ metadata }: Pod): Asking | AnnotationFault {
  const name = `${prefix}inject`;
  const value = ownValue(metadata?.annotations, name) ?? ownValue(metadata?.labels, name);
  if (value === undefined) return 'nothing';
  const read = yesOrNo(value);
  if ('expected' in read) return { key: name, message: `expected ${read.expected}` };
  return read.value ? 'yes' : 'no';
}

/** Reads all of them. A pod whose wishes cannot be read counts as asking, so that it is refused and not forgotten. */
export function readAnnotations(pod: Pod): ReadAnnotations {
  const asking = askingOf(pod);
  if (typeof asking === 'object') return { asking: 'yes', fault: asking };
  const labelFault = faultOfLabels(pod.metadata?.labels ?? {});
  if (labelFault !== undefined) return { asking, fault: labelFault };
  const singles: Record<string, unknown> = {};
  const files = new Map<string, Record<string, unknown>>();
  for (const [key, text] of Object.entries(pod.metadata?.annotations ?? {})) {
    if (!key.startsWith(prefix) || key === statusAnnotation) continue;
    const name = key.slice(prefix.length);
    const member = memberOfFile(name);
    const reader: ValueReader<unknown> | undefined =
      member === undefined ? ownValue<ValueReader<unknown>>(single, name) : ofFile[member.name];
    if (reader === undefined) return { asking, fault: { key, message: unknownMessage(name) } };
    const read = reader(text);
    if ('expected' in read) return { asking, fault: { key, message: `expected ${read.expected}` } };
    if (member === undefined) singles[name] = read.value;
    else files.set(member.of, { ...files.get(member.of), [member.name]: read.value });
  }
  return { asking, ...requestOf(singles, files) };
}

function requestOf(
  singles: Singles,
  files: ReadonlyMap<string, FileMembers>,
): { readonly request: PodRequest } | { readonly fault: AnnotationFault } {
  const delivered: PodDelivery['files'][number][] = [];
  const paths = new Set<string>();
  for (const [name, members] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const fault = faultOfFile(name, members, singles);
    if (fault !== undefined) return { fault };
    const { secret, file, perms, template: text, format } = members;
    const path = file ?? name;
    if (paths.has(path)) return { fault: { key: `${prefix}file-${name}`, message: 'expected a path of its own' } };
    paths.add(path);
    delivered.push({
      ...secret!,
      path,
      ...(perms === undefined ? {} : { perms }),
      ...(text === undefined ? {} : { template: text }),
      ...(format === undefined ? {} : { format }),
    });
  }
  if (delivered.length > podFilesLimit) {
    return { fault: { key: `${prefix}secret-<n>`, message: `expected at most ${podFilesLimit} files` } };
  }
  const mode = singles.agent ?? 'sidecar';
  if (mode === 'init' && singles.writer === true) {
    return {
      fault: { key: `${prefix}writer`, message: 'expected an agent that stays: a writer needs agent: sidecar' },
    };
  }
  return {
    request: {
      containers: singles.containers,
      mountPath: singles['mount-path'],
      order: singles.order ?? 'first',
      mode,
      isWriter: singles.writer ?? false,
      runAsUser: singles['run-as-user'],
      logLevel: singles['log-level'],
      resources: {
        requests: resourcesOf(singles['agent-requests-cpu'], singles['agent-requests-memory']),
        limits: resourcesOf(singles['agent-limits-cpu'], singles['agent-limits-memory']),
      },
      delivery: deliveryOf(singles, delivered),
    },
  };
}

function deliveryOf(singles: Singles, files: PodDelivery['files']): PodDelivery {
  const { binding, 'on-missing': onMissing, 'on-update': onUpdate, 'wait-timeout': waitTimeout } = singles;
  return {
    ...(binding === undefined ? {} : { bindings: binding }),
    files,
    ...(onMissing === undefined ? {} : { on_missing: onMissing }),
    ...(onUpdate === undefined ? {} : { on_update: onUpdate }),
    ...(waitTimeout === undefined ? {} : { wait_timeout_seconds: waitTimeout }),
  };
}

function resourcesOf(cpu: string | undefined, memory: string | undefined): { cpu?: string; memory?: string } {
  return { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
}

/** What speaks against the annotations of one file together. */
function faultOfFile(name: string, members: FileMembers, singles: Singles): AnnotationFault | undefined {
  const { secret, perms, template: text, format } = members;
  if (secret === undefined) {
    const lonely = fileMembers.find((member) => members[member] !== undefined)!;
    return { key: `${prefix}${lonely}-${name}`, message: `expected ${prefix}secret-${name} beside it` };
  }
  if (text !== undefined && format !== undefined) {
    return { key: `${prefix}format-${name}`, message: 'expected a template or a format, not both' };
  }
  if (secret.key !== undefined && (text !== undefined || (format !== undefined && format !== 'raw'))) {
    return {
      key: `${prefix}secret-${name}`,
      message: 'expected the whole secret, without #key, for a template or format',
    };
  }
  const isOwnersOnly = perms === '0400' || perms === '0600';
  if (isOwnersOnly && singles['run-as-user'] === undefined) {
    return {
      key: `${prefix}perms-${name}`,
      message: `expected ${prefix}run-as-user with the uid of the application, or 0440`,
    };
  }
  return undefined;
}

function faultOfLabels(labels: Readonly<Record<string, string>>): AnnotationFault | undefined {
  const key = Object.keys(labels).find((name) => name.startsWith(prefix) && name !== `${prefix}inject`);
  if (key === undefined) return undefined;
  return {
    key,
    message: `is not a label of ours; as a label only ${prefix}inject is known, the others are annotations`,
  };
}

function memberOfFile(name: string): { readonly name: FileMember; readonly of: string } | undefined {
  const found = fileMembers.find((member) => name.startsWith(`${member}-`));
  if (found === undefined) return undefined;
  const of = name.slice(found.length + 1);
  return fileName.test(of) ? { name: found, of } : undefined;
}

function unknownMessage(name: string): string {
  if (neverOffered.has(name)) return 'is not offered: the installation decides it, not the pod';
  const close = nearest(name, Object.keys(single)) ?? nearest(name.split('-')[0]!, fileMembers);
  if (close === undefined) return 'is not known';
  return `is not known; did you mean ${prefix}${close}${close in ofFile ? '-<n>' : ''}?`;
}

function ownValue<T>(map: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}
