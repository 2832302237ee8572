/**
 * The agent's settings: the variables that the injector writes, all of them, by name.
 * It must never read another variable, nor guess a value that is missing.
 * @module
 */
import {
  agentVariables,
  anyInstanceKey,
  ProblemError,
  readPodDelivery,
  workloadSelectorOf,
  type PodDelivery,
} from '@letterlock/protocol';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface AgentSettings {
  readonly trustDomain: string;
  /** `https://host:port` */
  readonly directOrigin: string;
  /** `host:port` */
  readonly agentTarget: string;
  /** Thumbprint of the instance key that must have signed the bundle; undefined: whichever the ConfigMap has. */
  readonly pinnedInstanceKey: string | undefined;
  readonly mode: 'sidecar' | 'init';
  readonly isWriter: boolean;
  readonly logLevel: LogLevel;
  readonly delivery: PodDelivery;
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly serviceAccount: string;
  /** `spiffe://<td>/ns/<ns>/sa/<sa>` */
  readonly selector: string;
}

type Name = keyof typeof agentVariables;

/** @throws ProblemError 'bad_request' that names the variable, never its value */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): AgentSettings {
  const value = (name: Name): string => {
    const found = environment[agentVariables[name]];
    if (found === undefined || found === '') throw refuse(name);
    return found;
  };
  const oneOf = <const T extends string>(name: Name, ...values: readonly T[]): T => {
    const found = values.find((candidate) => candidate === value(name));
    if (found === undefined) throw refuse(name);
    return found;
  };
  const matching = (name: Name, pattern: RegExp): string => {
    if (!pattern.test(value(name))) throw refuse(name);
    return value(name);
  };
  const trustDomain = matching('trustDomain', /^[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?$/);
  const namespace = matching('namespace', /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
  const serviceAccount = matching('serviceAccount', /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/);
  const instanceKey = matching('instanceKey', /^(?:any|[A-Za-z0-9_-]{43})$/);
  return {
    trustDomain,
    directOrigin: matching('directOrigin', /^https:\/\/[^/?#@\s]+$/),
    agentTarget: matching('agentTarget', /^[^/?#@\s]+:\d{1,5}$/),
    pinnedInstanceKey: instanceKey === anyInstanceKey ? undefined : instanceKey,
    mode: oneOf('mode', 'sidecar', 'init'),
    isWriter: oneOf('writer', 'true', 'false') === 'true',
    logLevel: oneOf('logLevel', ...logLevels),
    delivery: readPodDelivery(value('delivery')),
    namespace,
    podName: value('podName'),
    podUid: value('podUid'),
    serviceAccount,
    selector: workloadSelectorOf({ td: trustDomain, ns: namespace, sa: serviceAccount }),
  };
}

function refuse(name: Name): ProblemError {
  return new ProblemError('bad_request', {
    reason: 'environment',
    detail: `The variable ${agentVariables[name]} is missing or has a value that the injector does not write`,
  });
}
