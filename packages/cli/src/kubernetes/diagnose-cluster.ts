/**
 * The checks of `kubectl letterlock doctor`, with the rights of whoever runs it: dry runs, and tokens that a guard must refuse.
 * It must never stop at the first finding, nor leave anything in the cluster.
 * @module
 */
import { agentContainerName, audiencePrefixes, unlistedImageReason } from '@letterlock/protocol';
import type { Finding } from '../diagnosis.ts';
import { list, type Kubectl } from './kubectl.ts';
import {
  findInstallation,
  injectKey,
  isReady,
  serverImageOf,
  serverPods,
  type Metadata,
  type Pod,
  type StatefulSet,
} from './objects.ts';

interface Policy {
  readonly metadata: Metadata;
  readonly spec?: {
    readonly failurePolicy?: string;
    readonly policyName?: string;
    readonly validationActions?: readonly string[];
  };
}

interface Webhooks {
  readonly metadata: Metadata;
  readonly webhooks?: readonly {
    readonly failurePolicy?: string;
    readonly clientConfig?: { readonly caBundle?: string };
  }[];
}

interface PodEvent {
  readonly reason?: string;
  readonly involvedObject?: { readonly uid?: string };
}

interface NodeLease {
  readonly metadata: Metadata;
  readonly spec?: { readonly renewTime?: string };
}

/** Every policy of the chart. */
export const guardNames = [
  'boot-token',
  'debug',
  'exec',
  'live-edit',
  'server-pods',
  'server-secrets',
  'server-token',
  'shape',
  'token',
  'trust',
] as const;

const trialNamespace = 'default';
/** A kubelet renews its lease every 10 s; an older one says that the node is away, or its clock behind. */
const leaseSeconds = 60;
const aheadSeconds = 5;
const safeLevels: ReadonlySet<string> = new Set(['baseline', 'restricted']);

/** All findings. @throws CommandError when there is no installation */
export async function diagnoseCluster(kubectl: Kubectl, nowSeconds: number): Promise<readonly Finding[]> {
  const installation = await findInstallation(kubectl);
  return [
    checkReplicas(installation),
    await checkServerImages(kubectl, installation),
    ...(await checkWebhook(kubectl)),
    ...(await checkGuards(kubectl)),
    await checkKubelets(kubectl),
    await checkClocks(kubectl, nowSeconds),
    await checkNamespaces(kubectl),
  ];
}

function checkReplicas({ metadata, spec, status }: StatefulSet): Finding {
  const [replicas, ready] = [spec.replicas ?? 0, status?.readyReplicas ?? 0];
  const found = `${ready} of ${replicas} ready in ${metadata.namespace ?? ''}`;
  if (ready === replicas) return { check: 'server', level: 'ok', found };
  const fix = 'a sealed one: "letterlock unseal"; a new installation: "letterlock init"; else see its log';
  return { check: 'server', level: ready === 0 ? 'fail' : 'warn', found, fix };
}

/** A replica that others refuse for its image alone says so in an event, which is an hour old at most. */
async function checkServerImages(kubectl: Kubectl, installation: StatefulSet): Promise<Finding> {
  const check = 'server images';
  const namespace = installation.metadata.namespace ?? '';
  const [events, pods] = await Promise.all([
    list<PodEvent>(kubectl, ['events', '-n', namespace, `--field-selector=reason=${unlistedImageReason}`]),
    serverPods(kubectl, installation),
  ]);
  const isRefused = ({ metadata }: Pod): boolean =>
    events.some(({ reason, involvedObject }) => reason === unlistedImageReason && involvedObject?.uid === metadata.uid);
  const refused = pods.filter((pod) => !isReady(pod) && isRefused(pod));
  if (refused.length === 0) return { check, level: 'ok', found: 'no replica stays sealed for its image' };
  const digests = [...new Set(pods.flatMap((pod) => serverImageOf(pod) ?? []))].toSorted();
  const named = refused.map((pod) => `${pod.metadata.name} (${serverImageOf(pod) ?? 'not running'})`).join(', ');
  return {
    check,
    level: 'warn',
    found: `sealed, since the admins have not listed the image: ${named}`,
    fix: `as many admins as unseal: letterlock quorum images ${digests.join(' ')} --file images.signed; or unseal it by hand: letterlock unseal`,
  };
}

async function checkWebhook(kubectl: Kubectl): Promise<readonly Finding[]> {
  const check = 'webhook';
  const all = await list<Webhooks>(kubectl, [
    'mutatingwebhookconfigurations',
    '-l',
    'app.kubernetes.io/name=letterlock',
  ]);
  const entries = all.flatMap(({ webhooks = [] }) => webhooks);
  if (entries.length === 0)
    return [{ check, level: 'fail', found: 'is not configured', fix: 'install the chart again' }];
  const findings: Finding[] = [];
  if (entries.some(({ failurePolicy }) => failurePolicy !== 'Fail'))
    findings.push({
      check,
      level: 'warn',
      found: 'failurePolicy is Ignore: pods start without secrets while no replica answers',
      fix: 'set webhook.failurePolicy to Fail',
    });
  const trial = await kubectl(
    ['create', '-n', trialNamespace, '--dry-run=server', '-o', 'json', '-f', '-'],
    trialPod(),
  );
  if (trial.isOk && trial.stdout.includes(`"${agentContainerName}"`))
    return [...findings, { check, level: 'ok', found: 'reachable: it injected a pod of a dry run' }];
  if (trial.isOk)
    return [
      ...findings,
      { check, level: 'fail', found: 'a pod that asks was not injected', fix: 'see webhook.namespaceSelector' },
    ];
  if (trial.stderr.includes('uninitialised'))
    return [
      ...findings,
      { check, level: 'warn', found: 'reachable; the service is not initialised', fix: 'letterlock init' },
    ];
  if (!trial.stderr.includes('failed calling webhook'))
    return [
      ...findings,
      {
        check,
        level: 'warn',
        found: 'reachable, or never asked: the pod of a dry run was refused',
        fix: firstLine(trial.stderr),
      },
    ];
  const lacksAuthority = entries.some(({ clientConfig }) => clientConfig?.caBundle === undefined);
  return [
    ...findings,
    {
      check,
      level: 'fail',
      found: lacksAuthority ? 'has no caBundle, which a server pod writes' : 'the API server cannot reach it',
      fix: lacksAuthority ? "see the server's log" : 'allow the control plane to reach port 10250 of the server pods',
    },
  ];
}

async function checkGuards(kubectl: Kubectl): Promise<readonly Finding[]> {
  const words = ['-l', 'app.kubernetes.io/component=guard'];
  const [policies, bindings] = await Promise.all([
    list<Policy>(kubectl, ['validatingadmissionpolicies', ...words]),
    list<Policy>(kubectl, ['validatingadmissionpolicybindings', ...words]),
  ]);
  const missing = guardNames.filter((guard) => {
    const name = `letterlock-${guard}`;
    const policy = policies.find(({ metadata }) => metadata.name === name);
    const isBound = bindings.some(
      ({ spec }) => spec?.policyName === name && (spec.validationActions?.includes('Deny') ?? false),
    );
    return policy?.spec?.failurePolicy !== 'Fail' || !isBound;
  });
  const there: Finding =
    missing.length === 0
      ? { check: 'guards', level: 'ok', found: `${guardNames.length} policies, all bound` }
      : {
          check: 'guards',
          level: 'fail',
          found: `missing or not bound: ${missing.join(', ')}`,
          fix: 'helm upgrade with policies.enabled=true',
        };
  const attempts = await Promise.all(
    (['enrol', 'write', 'boot'] as const).map(async (kind) => {
      const audience = `--audience=${audiencePrefixes[kind]}doctor`;
      const { stderr } = await kubectl(['create', 'token', 'default', '-n', trialNamespace, audience]);
      return { kind, isHeld: stderr.includes("ValidatingAdmissionPolicy 'letterlock-"), stderr };
    }),
  );
  const open = attempts.filter(({ isHeld }) => !isHeld);
  const unasked = open.filter(({ stderr }) => /forbidden/i.test(stderr));
  if (open.length === 0) return [there, { check: 'tokens', level: 'ok', found: 'none of ours is minted for you' }];
  return unasked.length === open.length
    ? [
        there,
        { check: 'tokens', level: 'warn', found: 'not tried: you may not mint tokens', fix: 'run it as an admin' },
      ]
    : [
        there,
        {
          check: 'tokens',
          level: 'fail',
          found: `minted for you: ${open.map(({ kind }) => kind).join(', ')}`,
          fix: 'see whether the guards are bound',
        },
      ];
}

/** A cluster whose kubelets are in another group than system:nodes cannot mount the agent's token. */
async function checkKubelets(kubectl: Kubectl): Promise<Finding> {
  const check = 'node groups';
  const events = await list<{ readonly message?: string }>(kubectl, [
    'events',
    '-A',
    '--field-selector=reason=FailedMount',
  ]);
  const isRefused = events.some(
    ({ message = '' }) => message.includes('letterlock-token') || message.includes('letterlock-server-token'),
  );
  return isRefused
    ? {
        check,
        level: 'fail',
        found: 'a kubelet was refused a token: it is not in the group system:nodes',
        fix: 'let your kubelets authenticate as system:nodes',
      }
    : { check, level: 'ok', found: 'no kubelet was refused a token' };
}

async function checkClocks(kubectl: Kubectl, nowSeconds: number): Promise<Finding> {
  const leases = await list<NodeLease>(kubectl, ['leases', '-n', 'kube-node-lease']);
  const off = leases.flatMap(({ metadata, spec }) => {
    const renewed = Date.parse(spec?.renewTime ?? '') / 1000;
    const behind = Math.round(nowSeconds - renewed);
    return behind > leaseSeconds || behind < -aheadSeconds ? [`${metadata.name} by ${behind} s`] : [];
  });
  return off.length === 0
    ? { check: 'clocks', level: 'ok', found: `${leases.length} nodes agree with this machine` }
    : {
        check: 'clocks',
        level: 'warn',
        found: `behind this machine, or away: ${off.join(', ')}`,
        fix: 'synchronise the clocks: certificates live for an hour',
      };
}

async function checkNamespaces(kubectl: Kubectl): Promise<Finding> {
  const check = 'pod security';
  const [namespaces, bindings] = await Promise.all([
    list<{ readonly metadata: Metadata }>(kubectl, ['namespaces']),
    list<{ readonly metadata: Metadata }>(kubectl, ['secretbindings.letterlock.dev', '-A']),
  ]);
  const bound = new Set(bindings.map(({ metadata }) => metadata.namespace));
  const open = namespaces
    .filter(({ metadata: { name, labels } }) => bound.has(name) || labels?.[injectKey] === 'enabled')
    .filter(({ metadata: { labels } }) => !safeLevels.has(labels?.['pod-security.kubernetes.io/enforce'] ?? ''))
    .map(({ metadata }) => metadata.name);
  return open.length === 0
    ? { check, level: 'ok', found: 'enforced wherever secrets are delivered' }
    : {
        check,
        level: 'warn',
        found: `not enforced in ${open.join(', ')}: a pod that mounts the node's disk reads every token of the node`,
        fix: 'label them pod-security.kubernetes.io/enforce=baseline',
      };
}

function trialPod(): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'letterlock-doctor-', labels: { [injectKey]: 'true' } },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'none',
          image: 'none',
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  });
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
