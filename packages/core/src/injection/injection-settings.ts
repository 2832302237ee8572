/**
 * What an installation decides about every pod that it injects.
 * It must never hold what a pod may decide.
 * @module
 */

export interface InjectionSettings {
  readonly trustDomain: string;
  /** Namespace of the service, whose own pods are never injected. */
  readonly serviceNamespace: string;
  /** Listener for enrolment, `https://host:port`. */
  readonly directOrigin: string;
  /** Listener for agents, `host:port`. */
  readonly agentTarget: string;
  /** Thumbprint of the instance key in durable mode; undefined where a restart makes a new instance. */
  readonly instanceKey: string | undefined;
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Run by the kubelet in the agent's container; ends with 0 once the required files are there, and may wait for that. */
  readonly startupCommand: readonly string[];
  /** Uid of the agent where the pod names none. Default 65532. */
  readonly userId: number;
  /** The agent's primary group and a supplemental group of the pod: who may read the files. Default 65530. */
  readonly filesGroup: number;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  readonly resources: {
    readonly requests: { readonly cpu?: string; readonly memory?: string };
    readonly limits: { readonly cpu?: string; readonly memory?: string };
  };
}

/** Settings that few installations change. */
export const defaultInjectionSettings = {
  imagePullPolicy: 'IfNotPresent',
  userId: 65_532,
  filesGroup: 65_530,
  logLevel: 'info',
  // A limit under 96 MiB makes a cold start take many seconds; a limit of the processor would throttle it.
  resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
} as const satisfies Partial<InjectionSettings>;
