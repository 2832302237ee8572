/**
 * A SecretBinding as the API server holds it, read into what decisions rest on.
 * It must never fill in what the definition refuses: an object of an older definition is refused with a reason.
 * @module
 */
import { bindingDelivery, durationSeconds, limits, type BindingDelivery, type JcsObject } from '@letterlock/protocol';

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
}

export interface BoundSecret {
  readonly name: string;
  readonly opens: 'Unlimited' | 'Once';
  /** How long a version that nobody opens lasts. */
  readonly ttlSeconds?: number;
}

export interface Binding {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly isTerminating: boolean;
  readonly keyHeldBy: 'Service' | 'Pod' | 'Reader';
  readonly serviceAccountNames: readonly string[];
  readonly podSelector: LabelSelector | undefined;
  readonly secrets: readonly BoundSecret[];
  readonly writers: {
    readonly serviceAccounts: readonly {
      readonly namespace: string;
      readonly name: string;
      readonly secrets: readonly string[];
      readonly factor: 'Sidecar' | 'Token';
    }[];
    readonly identities: readonly {
      readonly name?: string;
      readonly thumbprint: string;
      readonly secrets: readonly string[];
      readonly notAfter?: number;
    }[];
  };
  readonly delivery: BindingDelivery;
  readonly deletionPolicy: 'Retain' | 'Purge';
  /** How long what was written outlives the binding; 0 with Purge. */
  readonly retainSeconds: number;
  readonly readyWhen: 'Accepted' | 'Populated' | 'Delivered';
}

/** Upper camel case: reason of the condition Accepted. */
export type BindingFault = 'CrossNamespaceForbidden' | 'NotYetSupported' | 'TooLarge' | 'PathRepeated' | 'Unreadable';

type Loose = Readonly<Record<string, unknown>>;

const serviceAccountName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Reads an object of the API. @returns the fault where rights must not rest on it */
export function readBinding(value: unknown): Binding | { readonly fault: BindingFault } {
  try {
    return read(value as Loose);
  } catch {
    return { fault: 'Unreadable' };
  }
}

function read(object: Loose): Binding | { readonly fault: BindingFault } {
  const metadata = object['metadata'] as Loose;
  const spec = object['spec'] as Loose;
  const workload = spec['workload'] as Loose;
  const serviceAccountNames = texts(workload['serviceAccountNames']);
  if (serviceAccountNames.some((name) => /[/:]/.test(name))) return { fault: 'CrossNamespaceForbidden' };
  if (serviceAccountNames.length === 0 || !serviceAccountNames.every((name) => serviceAccountName.test(name))) {
    return { fault: 'Unreadable' };
  }
  const keyHeldBy = (spec['keyHeldBy'] ?? 'Service') as Binding['keyHeldBy'];
  if (keyHeldBy !== 'Service') return { fault: 'NotYetSupported' };
  const secrets = spec['secrets'] as readonly Loose[];
  const bytes = secrets.reduce((sum, { maxBytes }) => sum + Number(maxBytes ?? 0), 0);
  if (bytes > limits.bindingBytes) return { fault: 'TooLarge' };
  const files = secrets.flatMap(({ name, files: of }) =>
    ((of ?? []) as readonly Loose[]).map((file): Loose => ({ ...file, secret: name })),
  );
  if (new Set(files.map(({ path }) => path)).size !== files.length) return { fault: 'PathRepeated' };
  const writers = (spec['writers'] ?? {}) as Loose;
  return {
    namespace: text(metadata['namespace']),
    name: text(metadata['name']),
    uid: text(metadata['uid']),
    generation: Number(metadata['generation']),
    isTerminating: metadata['deletionTimestamp'] !== undefined,
    keyHeldBy,
    serviceAccountNames,
    podSelector: workload['podSelector'] as LabelSelector | undefined,
    secrets: secrets.map(({ name, opens, ttl }) => ({
      name: text(name),
      opens: opens === 'Once' ? 'Once' : 'Unlimited',
      ...(ttl === undefined ? {} : { ttlSeconds: secondsIn(text(ttl)) }),
    })),
    writers: {
      serviceAccounts: ((writers['serviceAccounts'] ?? []) as readonly Loose[]).map((each) => ({
        namespace: text(each['namespace']),
        name: text(each['name']),
        secrets: texts(each['secrets']),
        factor: each['factor'] === 'Token' ? 'Token' : 'Sidecar',
      })),
      identities: ((writers['identities'] ?? []) as readonly Loose[]).map((each) => ({
        ...(each['name'] === undefined ? {} : { name: text(each['name']) }),
        thumbprint: text(each['thumbprint']),
        secrets: texts(each['secrets']),
        ...(each['notAfter'] === undefined ? {} : { notAfter: secondsOf(text(each['notAfter'])) }),
      })),
    },
    delivery: deliveryOf(files, (spec['delivery'] ?? {}) as Loose),
    deletionPolicy: spec['deletionPolicy'] === 'Purge' ? 'Purge' : 'Retain',
    retainSeconds: spec['deletionPolicy'] === 'Purge' ? 0 : secondsIn(text(spec['retainFor'] ?? '168h')),
    readyWhen: (spec['readyWhen'] ?? 'Accepted') as Binding['readyWhen'],
  };
}

function deliveryOf(files: readonly Loose[], delivery: Loose): BindingDelivery {
  const timeout = delivery['waitTimeout'] === undefined ? undefined : secondsIn(text(delivery['waitTimeout']));
  return bindingDelivery(
    {
      ...(files.length === 0 ? {} : { files }),
      ...(delivery['onMissing'] === undefined ? {} : { on_missing: delivery['onMissing'] }),
      ...(delivery['onUpdate'] === undefined ? {} : { on_update: delivery['onUpdate'] }),
      ...(timeout === undefined ? {} : { wait_timeout_seconds: timeout }),
    } as unknown as JcsObject,
    '',
  );
}

/** Whether labels are selected; an absent selector selects all. */
export function isSelected(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean {
  const byLabel = Object.entries(selector?.matchLabels ?? {});
  if (!byLabel.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)) return false;
  return (selector?.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return operators[operator](value, values);
  });
}

const operators = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
} as const satisfies Record<string, (value: string | undefined, values: readonly string[]) => boolean>;

/** @throws RangeError */
function secondsIn(duration: string): number {
  const seconds = durationSeconds(duration);
  if (seconds === undefined) throw new RangeError('duration');
  return seconds;
}

function secondsOf(time: string): number {
  const milliseconds = Date.parse(time);
  if (Number.isNaN(milliseconds)) throw new RangeError('time');
  return Math.floor(milliseconds / 1000);
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('text');
  return value;
}

function texts(value: unknown): readonly string[] {
  return (value as readonly unknown[]).map(text);
}
