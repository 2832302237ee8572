/**
 * Three refusals: each factor without the other, and two that do not belong together.
 * It must never count a door that nobody answered as a refusal.
 * @module
 */
import type { World } from '../../e2e/run/world.ts';
import { chapter, fact } from '../stage.ts';
import type { Typist } from './terminal.ts';

const token = '/var/run/secrets/letterlock.dev/writer/token';
const url = 'http://localhost/v1/bindings/shop/orders-db/secrets/db';
const body = `'{"username":"orders","password":"stolen"}'`;

/** @param o - `hash`: of the password that must still be there after each */
export function showRefusals(o: { readonly world: World; readonly ci: Typist; readonly hash: string }): void {
  const { world, ci, hash } = o;
  chapter('Refused: a token without a certificate');
  const bare = ci.type(
    `kubectl -n ci exec writer-a -c app -- sh -c '
  curl -skv --max-time 5 --write-out "HTTP %{http_code}\\n" --request POST --header "Content-Type: application/grpc" \\
    --header "Letterlock-Writer-Token: $(cat ${token})" \\
    https://letterlock.letterlock-system.svc:9443/letterlock.v1.Agent/Write 2>&1' | grep -E 'SSL connection using|alert|^HTTP'`,
    { expect: 'any' },
  ).stdout;
  fact(
    bare.includes('HTTP 000') && bare.includes('SSL connection using TLSv1.3'),
    'the listener of agents ends the connection before it reads a request',
  );
  const bearer = ci.type(
    `kubectl -n ci exec writer-a -c app -- sh -c '
  curl -sk --write-out "\\nHTTP %{http_code}\\n" --request POST --header "Content-Type: application/json" --data "{}" \\
    --header "Authorization: Bearer $(cat ${token})" https://letterlock.letterlock-system.svc:8443/v1/secrets/write'`,
  ).stdout;
  fact(bearer.includes('HTTP 401'), 'nor is it a bearer token at the listener of people');

  chapter('Refused: a certificate without a token');
  const alone = ci.type(
    `kubectl -n ci exec writer-a -c app -- curl -s --write-out '\\nHTTP %{http_code}\\n' --unix-socket /run/letterlock/agent.sock \\
  --request PUT --header 'Content-Type: application/json' --data ${body} ${url}`,
  ).stdout;
  fact(alone.includes('HTTP 403') && alone.includes('"denied"'), 'the agent’s socket alone writes nothing');

  chapter('Refused: the certificate of pod A with the token of pod B');
  const mixed = ci.type(
    `TOKEN=$(kubectl -n ci exec writer-b -c app -- cat ${token})
kubectl -n ci exec writer-a -c app -- curl -s --write-out '\\nHTTP %{http_code}\\n' --unix-socket /run/letterlock/agent.sock \\
  --request PUT --header 'Content-Type: application/json' --header "Letterlock-Writer-Token: $TOKEN" --data ${body} ${url}`,
  ).stdout;
  fact(
    mixed.includes('HTTP 403') && mixed.includes('"denied"'),
    'the same ServiceAccount, the same node, a genuine token: but of another pod',
  );
  const now = world.kubectl([
    '-n',
    'shop',
    'exec',
    'deploy/orders',
    '-c',
    'app',
    '--',
    'sha256sum',
    '/run/letterlock/db/password',
  ]);
  const version = world.kubectl('-n shop get lsb orders-db -o jsonpath={.status.secrets[0].latestVersion}');
  fact(now.startsWith(hash) && version === '1', 'the password is what it was, version 1');
}
