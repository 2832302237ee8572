/**
 * What `helm test` runs inside the cluster: tries what the guards refuse, each as a dry run, and asks the webhook.
 * It must never change anything, nor end well when one of them was not asked.
 * @module
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';

const {
  TEST_GUARDS,
  TEST_TRUST_DOMAIN,
  TEST_SERVER_ACCOUNT,
  TEST_WEBHOOK,
  KUBERNETES_SERVICE_HOST,
  KUBERNETES_SERVICE_PORT,
} = process.env;
const account = '/var/run/secrets/kubernetes.io/serviceaccount';
const namespace = readFileSync(`${account}/namespace`, 'utf8');
const api = {
  host: KUBERNETES_SERVICE_HOST,
  port: KUBERNETES_SERVICE_PORT,
  ca: readFileSync(`${account}/ca.crt`),
  headers: { authorization: `Bearer ${readFileSync(`${account}/token`, 'utf8')}`, 'content-type': 'application/json' },
};

/** Posts JSON. @returns status and text of the answer */
function post(options, body) {
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, method: 'POST', timeout: 10_000 }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => (text += part));
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 10 s')));
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

const create = (path, body) => post({ ...api, path: `/api/v1/namespaces/${namespace}/${path}` }, body);
const mint = (audience) =>
  create('serviceaccounts/letterlock-test/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: [audience] },
  });
const pod = (spec) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'letterlock-test-' },
  spec: {
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'test',
        image: 'letterlock-test:none',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
    ...spec,
  },
});
const volume = (audience) => [
  { name: 'token', projected: { sources: [{ serviceAccountToken: { audience, path: 'token' } }] } },
];

/** Each must be refused, by the guard of this name. */
const guarded = [
  {
    guard: 'letterlock-token',
    what: 'a token for enrolment',
    attempt: () => mint(`letterlock-enrol:${TEST_TRUST_DOMAIN}`),
  },
  {
    guard: 'letterlock-token',
    what: 'a token for writing',
    attempt: () => mint(`letterlock-write:${TEST_TRUST_DOMAIN}`),
  },
  {
    guard: 'letterlock-boot-token',
    what: 'a boot token',
    attempt: () => mint(`letterlock-boot:${TEST_TRUST_DOMAIN}:none`),
  },
  {
    guard: 'letterlock-shape',
    what: 'a boot token in a volume',
    attempt: () => create('pods?dryRun=All', pod({ volumes: volume(`letterlock-boot:${TEST_TRUST_DOMAIN}`) })),
  },
  {
    guard: 'letterlock-server-pods',
    what: "a pod with the server's ServiceAccount",
    attempt: () => create('pods?dryRun=All', pod({ serviceAccountName: TEST_SERVER_ACCOUNT })),
  },
  {
    guard: 'letterlock-trust',
    what: 'a trust bundle',
    attempt: () =>
      create('configmaps?dryRun=All', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'letterlock-trust' } }),
  },
];

let failed = 0;
function say(isRight, line) {
  if (!isRight) failed += 1;
  console.log(`${isRight ? 'ok' : 'not ok'} - ${line}`);
}

for (const { guard, what, attempt } of TEST_GUARDS === 'true' ? guarded : []) {
  const { status, text } = await attempt();
  const isRefused = (status === 422 || status === 403) && text.includes(`'${guard}'`);
  say(isRefused, isRefused ? `${guard} refuses ${what}` : `${guard}: ${what} was answered ${status}`);
}
if (TEST_WEBHOOK !== undefined) {
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'test',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'default',
      operation: 'CREATE',
      object: pod({}),
    },
  };
  try {
    const options = {
      host: TEST_WEBHOOK,
      port: 443,
      path: '/v1/admission/pod',
      headers: { 'content-type': 'application/json' },
    };
    // The API server checks the certificate; here it is only asked whether somebody answers.
    const { status, text } = await post({ ...options, rejectUnauthorized: false }, review);
    say(status === 200 && text.includes('"uid":"test"'), `the webhook answers: ${status}`);
  } catch (error) {
    say(false, `the webhook does not answer: ${error.message}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
