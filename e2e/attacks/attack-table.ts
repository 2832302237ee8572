/**
 * The attacks on the second factor, one row each: what stands against it, where that is tried, and what shows that the trial can fail.
 * It must never hold an attack without such a proof.
 * @module
 */

export interface Attack {
  readonly name: string;
  /** What stands against it. */
  readonly protection: string;
  /** Titles of rows, each behind its story. */
  readonly rows: readonly string[];
  /** Test files beside them, where a real cluster cannot show it. */
  readonly tests?: readonly string[];
  /** Guards of whose rows it is made: with WITHOUT=<guard> each of them fails. */
  readonly guards?: readonly string[];
  /** Names of mutants, or parts of them, as ONLY takes them: without the protection their tests fail. */
  readonly mutants?: readonly string[];
  /** Titles of rows that show the attack let in where the protection is not asked. */
  readonly contrary?: readonly string[];
}

const deliver = (title: string): string => `03-deliver/03-refusals: refused: ${title}`;
const admission = (title: string): string => `05-attacks/02-admission: ${title}`;
const factors = (title: string): string => `05-attacks/03-factors: ${title}`;
const copies = (title: string): string => `05-attacks/04-copies: ${title}`;

export const attacks: readonly Attack[] = [
  {
    name: 'token stolen from another pod',
    protection:
      'enrolment comes from the pod’s own address; a token for writing is of the pod that the certificate names',
    rows: [factors('refused: the token for enrolment of another pod'), deliver('token of another pod')],
    mutants: ['workloads: any address may enrol', 'workloads: the token may be of another pod'],
  },
  {
    name: 'token minted by an editor of the namespace, or by an admin',
    protection: 'guard: only kubelets mint tokens for enrolment and writing',
    rows: [],
    guards: ['token'],
  },
  {
    name: 'token without certificate, or with one of one’s own making',
    protection: 'the listener for agents asks for a certificate of this service’s authority',
    rows: [deliver('token without certificate'), factors('refused: the token with a certificate of one’s own making')],
    mutants: [
      'attacks: a connection without a certificate is served',
      'a workload certificate may come from any issuer',
      'workloads: a token is a factor without a certificate',
    ],
  },
  {
    name: 'certificate without token',
    protection: 'a write takes both factors',
    rows: [factors('refused: the certificate without a token'), deliver('certificate without token')],
    mutants: ['attacks: a certificate writes without a token', 'workloads: the certificate alone writes'],
  },
  {
    name: 'certificate of one pod with the token of another',
    protection: 'pod, ServiceAccount, namespace and node of both are compared',
    rows: [factors('refused: the certificate of one pod with the token of another')],
    mutants: [
      'workloads: the token may be of another pod',
      'workloads: the token may be of another ServiceAccount',
      'workloads: the token may be of another node',
      'workloads: a renewal takes the token of another pod',
    ],
  },
  {
    name: 'token of the wrong audience',
    protection: 'TokenReview is asked for the one audience that is right there',
    rows: [
      factors('refused: a token for writing, used to enrol'),
      factors('refused: the API token of the pod, used to enrol'),
      factors('refused: the API token of the pod, used to write'),
    ],
    mutants: ['workloads: a token need not be authenticated', 'workloads: no audience need be confirmed'],
  },
  {
    name: 'TokenReview whose answer does not confirm our audience',
    protection: 'the audience must stand in `status.audiences`',
    rows: [],
    tests: ['packages/core/src/proof/token-review.test.ts'],
    mutants: ['workloads: no audience need be confirmed', 'workloads: an answer without audiences will do'],
  },
  {
    name: 'replaced image of the agent, at creation or in a running pod',
    protection: 'guards; name, and the digest that the kubelet reports, are looked at when the agent enrols',
    rows: [copies('refused: an agent whose image was exchanged, past the guard')],
    guards: ['live-edit', 'shape'],
    tests: ['packages/core/src/injection/check-injected.test.ts'],
    mutants: ['attacks: the agent may have any image', 'attacks: the agent may run any image'],
  },
  {
    name: 'genuine image with other arguments, hooks, probes, variables or mounts',
    protection: 'the whole container and its volumes are compared with what the injector writes when the agent enrols',
    rows: [
      ...[
        'other arguments',
        'a program',
        'a hook',
        'another probe',
        'one variable more',
        'variables from a ConfigMap',
        'one mount more',
        'an input',
      ].map((what) => copies(`refused: a genuine agent with ${what}`)),
      copies('refused: a genuine agent that delivers to a disk'),
      copies('refused: a genuine agent with trust of one’s own'),
    ],
    mutants: [
      'attacks: the agent may have any',
      'attacks: the volumes of the agent may be any',
      'the container of the agent may be any',
    ],
  },
  {
    name: 'copy of an injected pod by `kubectl debug --copy-to`',
    protection: 'the webhook is asked about every pod that holds what is ours, and refuses one that does not ask',
    rows: [admission('refused: a copy of an injected pod, made by kubectl debug')],
    mutants: ['attacks: a pod that asks for nothing may bring names of ours'],
    contrary: [copies('let in without the webhook: a copy of an injected pod, made by kubectl debug')],
  },
  {
    name: 'Service named `letterlock` in the namespace of the pod',
    protection: 'the agent reads variables that no Service can fill, each set by the injector',
    rows: [admission('harmless: Services of our names in the namespace of the pod')],
    mutants: ['attacks: a Service fills a variable of the agent'],
  },
  {
    name: 'exec into the agent or a server pod',
    protection: 'guard',
    rows: [deliver('exec into the agent')],
    guards: ['exec'],
  },
  {
    name: 'debugger beside the agent',
    protection: 'guard; enrolment refuses a pod in which one sits at the agent',
    rows: [],
    guards: ['debug'],
    mutants: ['attacks: a debugger may sit at the agent'],
  },
  {
    name: 'second key for one start of an agent',
    protection:
      'the first key of a container’s start is the only one; event `DoubleEnrolment` and a metric tell of another',
    rows: [factors('refused, with an alarm: a second key for one start of an agent')],
    mutants: [
      'workloads: a second key for one start is served',
      'workloads: a thief gains time by new keys',
      'attacks: a second key is told to nobody',
      'attacks: a second key is not counted',
    ],
  },
  {
    name: 'certificate of a deleted pod, or of an agent that has started again',
    protection: 'its row is deleted with it, and every call looks at the row',
    rows: [
      factors('refused: the certificate of a deleted pod'),
      factors('refused: the certificate of an agent that has started again'),
    ],
    mutants: [
      'attacks: a deleted pod keeps its certificate',
      'attacks: nobody is told that a pod is deleted',
      'attacks: an agent that has started again keeps its certificate',
    ],
  },
  {
    name: 'writer that is not listed',
    protection: 'the binding lists who writes',
    rows: [deliver('writer that the binding does not list')],
    mutants: ['attacks: a writer need not be listed'],
  },
  {
    name: 'binding of another namespace',
    protection: 'a binding is for pods of its own namespace, and can name no other',
    rows: [
      factors('refused: a binding of another namespace, read by a ServiceAccount of the name that it lists'),
      admission('dropped: a namespace in what a binding says of who receives'),
    ],
    mutants: ['workloads: a pod of another namespace reads', 'agents: a binding selects pods of other namespaces'],
  },
  {
    name: 'annotation `status` set before injection',
    protection: 'the webhook writes agent and volumes anew, whatever is there',
    rows: [admission('written over: an agent of one’s own, under the mark of the injector')],
    mutants: [
      'attacks: the mark of the injector saves an agent of another',
      'attacks: the mark of the injector saves the mounts of others',
    ],
  },
  {
    name: 'container or volume that has our names before injection',
    protection: 'the webhook refuses it; guard for what the agent alone may mount',
    rows: [
      admission('refused: a pod that brings a container of our name'),
      admission('refused: a pod that brings a volume of our name'),
      admission('refused: a pod that brings a volume with the token for enrolment'),
      admission('refused: a pod that brings that volume and asks for nothing'),
    ],
    guards: ['shape'],
    mutants: [
      'attacks: a pod that asks may bring names of ours',
      'attacks: a pod that asks for nothing may bring names of ours',
      'attacks: others may mount the token for enrolment',
    ],
    contrary: [
      copies('let in without the webhook: a pod that brings a container of our name'),
      copies('let in without the webhook: a pod that brings a volume of our name'),
      copies('let in without the webhook: a pod that brings a volume with the token for enrolment'),
      copies('let in without the webhook: a pod that brings that volume and asks for nothing'),
    ],
  },
  {
    name: '`letterlock-trust` replaced, also by impersonation of the server',
    protection:
      'guard: only a server pod writes it; with `pinnedInstanceKey` an agent takes the trust of no other instance',
    rows: [],
    guards: ['trust'],
    mutants: ['attacks: an agent takes the trust of another instance than the pinned one'],
  },
  {
    name: 'API or boot token of the server, minted by an editor of its namespace',
    protection: 'guards: kubelets alone mint its tokens, and each server pod its own boot token',
    rows: [],
    guards: ['server-token', 'boot-token', 'server-secrets'],
  },
  {
    name: 'pod of a stranger under the server’s ServiceAccount',
    protection: 'guard: only its StatefulSet makes pods with it; a replica proves that it is of that StatefulSet',
    rows: [],
    guards: ['server-pods'],
    mutants: ['a pod of another StatefulSet is a replica', 'a pod that took the name of a replica is one'],
  },
];
