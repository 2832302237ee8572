/**
 * Every verb with its summary and the file that does it: one line each.
 * It must never import a verb before it is asked for.
 * @module
 */
import type { Verb } from './verb.ts';

export interface VerbEntry {
  /** One line, imperative, without a full stop. */
  readonly summary: string;
  readonly load: () => Promise<{ readonly verb: Verb }>;
}
export interface VerbGroup {
  readonly summary: string;
  readonly verbs: Readonly<Record<string, VerbEntry>>;
  /** What the group does without a verb of its own. Default: shows its help. */
  readonly itself?: VerbEntry;
}

/** Heading in the help → name → verb or group. */
export const verbTable: Readonly<Record<string, Readonly<Record<string, VerbEntry | VerbGroup>>>> = {
  'Secrets:': {
    wrap: { summary: 'Encrypt a secret for one recipient and store it', load: () => import('./verbs/wrap.ts') },
    open: { summary: 'Open a wrap, once', load: () => import('./verbs/open.ts') },
    decrypt: {
      summary: 'Verify and decrypt what another tool was answered when it opened a wrap',
      load: () => import('./verbs/decrypt.ts'),
    },
    lookup: { summary: 'Say what has become of a wrap', load: () => import('./verbs/lookup.ts') },
    revoke: { summary: 'Withdraw a wrap that was not opened', load: () => import('./verbs/revoke.ts') },
    receipt: { summary: 'Verify a receipt without the service', load: () => import('./verbs/receipt.ts') },
    secret: {
      summary: 'Keep secrets with versions, for several readers',
      verbs: {
        write: { summary: 'Encrypt the next version of a secret', load: () => import('./verbs/secret-write.ts') },
        read: { summary: 'Read a version of a secret', load: () => import('./verbs/secret-read.ts') },
        list: { summary: 'List the secrets below a path', load: () => import('./verbs/secret-list.ts') },
        versions: { summary: 'List the versions of a secret', load: () => import('./verbs/secret-versions.ts') },
        destroy: {
          summary: 'Destroy one version of a secret for ever',
          load: () => import('./verbs/secret-destroy.ts'),
        },
        share: { summary: 'Add readers to a secret that you can read', load: () => import('./verbs/secret-share.ts') },
      },
    },
    proof: { summary: 'Print the Authorization header for another tool', load: () => import('./verbs/proof.ts') },
  },
  'Keys and people:': {
    key: {
      summary: 'Make, import and show keys',
      verbs: {
        generate: { summary: 'Make a new key file', load: () => import('./verbs/key-generate.ts') },
        import: {
          summary: 'Bring a PKCS#8 or PKCS#12 key into a key file',
          load: () => import('./verbs/key-import.ts'),
        },
        show: { summary: 'Show the id and the public halves of a key', load: () => import('./verbs/key-show.ts') },
        certificate: {
          summary: 'Write a client certificate for the key, for curl and other tools',
          load: () => import('./verbs/key-certificate.ts'),
        },
      },
    },
    identity: {
      summary: 'Register identities and pin the names of others',
      verbs: {
        register: { summary: 'Register a key with the service', load: () => import('./verbs/identity-register.ts') },
        admit: { summary: 'Let an id register itself, as an admin', load: () => import('./verbs/identity-admit.ts') },
        show: {
          summary: 'Fetch and verify an identity, and pin its name',
          load: () => import('./verbs/identity-show.ts'),
        },
        list: { summary: 'List the names that are pinned here', load: () => import('./verbs/identity-list.ts') },
        rotate: { summary: 'Replace the key that you receive with', load: () => import('./verbs/identity-rotate.ts') },
        revoke: {
          summary: 'Withdraw an identity for ever, as an admin',
          load: () => import('./verbs/identity-revoke.ts'),
        },
      },
    },
    grant: {
      summary: 'Say who may do what on which path, as an admin',
      verbs: {
        put: { summary: 'Give verbs on a path', load: () => import('./verbs/grant-put.ts') },
        delete: { summary: 'Take a grant back', load: () => import('./verbs/grant-delete.ts') },
        list: { summary: 'List the grants', load: () => import('./verbs/grant-list.ts') },
      },
    },
    explain: { summary: 'Say whether somebody may do something, and why', load: () => import('./verbs/explain.ts') },
  },
  'Service:': {
    status: { summary: 'Show the state and the fingerprint of the service', load: () => import('./verbs/status.ts') },
    trust: {
      summary: 'Pin the instance keys of services',
      verbs: {
        add: { summary: 'Pin a service', load: () => import('./verbs/trust-add.ts') },
        cluster: {
          summary: 'Pin the Kubernetes cluster that attests a service',
          load: () => import('./verbs/trust-cluster.ts'),
        },
        show: { summary: 'Show what is pinned for one service', load: () => import('./verbs/trust-show.ts') },
        list: { summary: 'List the pinned services', load: () => import('./verbs/trust-list.ts') },
        export: { summary: 'Print the certificate for curl --cacert', load: () => import('./verbs/trust-export.ts') },
        remove: { summary: 'Forget a pinned service', load: () => import('./verbs/trust-remove.ts') },
      },
    },
    audit: {
      summary: 'Verify and show the audit trail',
      verbs: {
        verify: {
          summary: 'Verify the lines of audit sinks without the service',
          load: () => import('./verbs/audit-verify.ts'),
        },
        tail: { summary: 'Show the last lines of an audit file', load: () => import('./verbs/audit-tail.ts') },
      },
    },
    quickstart: {
      summary: 'Make the keys of admins and a values file for Kubernetes',
      load: () => import('./verbs/quickstart.ts'),
    },
    kubernetes: {
      summary: 'Look at an installation in Kubernetes; the same as "kubectl letterlock"',
      verbs: {
        status: { summary: 'Show the installation and its pods', load: () => import('./verbs/kubernetes-status.ts') },
        pods: { summary: 'List the pods that have an agent', load: () => import('./verbs/kubernetes-pods.ts') },
        explain: {
          summary: 'Say what a pod gets, or why it gets nothing',
          load: () => import('./verbs/kubernetes-explain.ts'),
        },
        doctor: {
          summary: 'Check webhook, guards, nodes and clocks, each with its fix',
          load: () => import('./verbs/kubernetes-doctor.ts'),
        },
      },
    },
    doctor: { summary: 'Check this machine, its clock, keys and pins', load: () => import('./verbs/doctor.ts') },
    server: { summary: 'Run the service', load: () => import('./verbs/server.ts') },
  },
  'Seal:': {
    init: {
      summary: 'Initialise a service, or make the certificates of its admins',
      itself: { summary: 'Initialise a durable service', load: () => import('./verbs/init.ts') },
      verbs: {
        admin: { summary: 'Make the key and the certificate of an admin', load: () => import('./verbs/init-admin.ts') },
      },
    },
    share: {
      summary: 'Look after your share of the master key',
      verbs: {
        check: { summary: 'Decrypt, pin and acknowledge your share', load: () => import('./verbs/share-check.ts') },
      },
    },
    quorum: {
      summary: 'Decide what takes several admins',
      verbs: {
        images: {
          summary: 'Say which images of the server replicas may unseal',
          load: () => import('./verbs/quorum-images.ts'),
        },
        'peer-unseal': {
          summary: 'Say whether replicas unseal each other',
          load: () => import('./verbs/quorum-peer-unseal.ts'),
        },
      },
    },
    seal: { summary: 'Seal the service at once, as an admin', load: () => import('./verbs/seal.ts') },
    unseal: { summary: 'Give your share to a sealed service', load: () => import('./verbs/unseal.ts') },
  },
};
