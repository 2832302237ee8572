/**
 * The main job, shown with the real programs over TLS on loopback: wrap, look up, open once, and what happens when things
 * go wrong. It must never claim what it did not check: each ✓ throws when the fact does not hold.
 * @module
 */
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { startTestServer } from '@letterlock/client/testing';
import { startCuttingProxy } from './cutting-proxy.ts';
import { showDurable } from './durable.ts';
import { chapter, fact, freePort, print, Stage, type Person } from './stage.ts';

/** A real binary of some hundred KiB that every machine has. */
const sampleFiles = ['/bin/ls', '/usr/bin/env', '/bin/cat', '/bin/sh'];
const smallestSample = 50 * 1024;
const largestSample = 500 * 1024;

const started = Date.now();
await using stage = new Stage();
const operator = stage.person('operator');
const walter = stage.person('walter');
const rita = stage.person('rita');

const sample = sampleFiles.find((file) => {
  const size = existsSync(file) ? statSync(file).size : 0;
  return size > smallestSample && size < largestSample;
});
if (sample === undefined) throw new Error('No binary of 50 to 500 KiB is on this machine');
copyFileSync(sample, stage.path('ledger.bin'));
const content = readFileSync(stage.path('ledger.bin'));

chapter('A transient service that any one of three admins unseals');
for (const name of ['anna', 'ben', 'cleo']) await operator.letterlock(`init admin --name ${name}`);
const [port, proxyPort] = [await freePort(), await freePort()];
const address = `https://127.0.0.1:${port}`;
const proxied = `https://127.0.0.1:${proxyPort}`;
const { fingerprint, boot } = await stage.startServer(
  `--trust-domain demo.example --store memory --init-certificates anna.crt,ben.crt,cleo.crt ` +
    `--listen-direct 127.0.0.1:${port} --listen-health none --public-origins ${address},${proxied}`,
);
print(`   fingerprint ${fingerprint}\n   boot        ${boot}`);
for (const person of [operator, walter, rita]) {
  person.export({ LETTERLOCK_ADDRESS: address });
  await person.letterlock(`trust add --trust ${fingerprint}`);
}
await operator.letterlock('share check --key ben.key');

chapter('A writer and a reader, who exist only as key pairs');
const walterId = await enrol(walter);
const ritaId = await enrol(rita);
await operator.letterlock(`grant put --who ${walterId} --verbs wrap --path team-a --key anna.key`);
await walter.letterlock(`identity show ${ritaId} --pin rita`);

chapter('Wrap, look up, open once');
print(`walter$ ls -l ledger.bin\n   ${content.length} bytes, a copy of ${sample}`);
const first = await wrap();
await walter.letterlock(`lookup ${first}`);
await rita.letterlock(`open ${first} --out received.bin`);
fact(readFileSync(stage.path('received.bin')).equals(content), 'received.bin is byte for byte ledger.bin');
const again = await rita.letterlock(`open ${first} --out again.bin`, { expect: 5 });
fact(again.stderr.includes(ritaId.slice(0, 8)), 'the second open is refused and names time and key of the first');
await walter.letterlock(`lookup ${first}`);

chapter('A connection that is killed in the middle of an open');
const second = await wrap();
const proxy = await startCuttingProxy({ port: proxyPort, to: port, afterBytes: 40_000 });
const throughProxy = { LETTERLOCK_ADDRESS: proxied, LETTERLOCK_TRUST: fingerprint };
await rita.letterlock(`open ${second} --out second.bin`, { expect: 7, variables: throughProxy });
fact(
  proxy.cuts > 0,
  `${proxy.cuts} answers were cut after 40,000 bytes; the claim was on rita's disk before it was sent`,
);
fact(!existsSync(stage.path('second.bin')), 'nothing half-written is left');
proxy.repair();
await rita.letterlock(`open ${second} --out second.bin`, { variables: throughProxy });
await proxy.close();
fact(readFileSync(stage.path('second.bin')).equals(content), 'the same claim received the whole content');

chapter('A captured request, sent again');
await rita.letterlock('key certificate --key rita.key --out rita.crt');
const url = `${address}/v1/wraps/${second}/status`;
const { stdout: header } = await rita.letterlock(`proof --method GET --url ${url}`);
print(`rita$ # the same request twice, with this header and rita's TLS key, as curl would send it`);
const statuses = [await send(url, header), await send(url, header)];
print(`   ${statuses.join('\n   ')}`);
fact(statuses[0]!.startsWith('200') && statuses[1]!.includes('bad_nonce'), 'the replay is refused');

chapter('What the store holds');
await scanStore();

chapter('Seal and unseal');
await operator.letterlock('seal --key anna.key');
await walter.letterlock('wrap --to rita --path team-a/ledger --file ledger.bin', { expect: 6 });
await rita.letterlock(`lookup ${second}`, { expect: 6 });
await operator.letterlock(`unseal --key ben.key --boot ${boot}`);
const third = await wrap();
await rita.letterlock(`open ${third} --out third.bin`);
fact(readFileSync(stage.path('third.bin')).equals(content), 'one init certificate unsealed it; the next wrap opens');

await showDurable(stage, { walter, rita, walterId, ritaId, content });

print(`
Done in ${Math.round((Date.now() - started) / 1000)} s. What to try next:
  docs/guide/first-wrap.md              the same by hand, in five minutes
  docs/guide/quorum.md                  several admins and replicas, on etcd
  packages/cli/bin/letterlock --help    every verb, with examples
  packages/client/README.md             from TypeScript
  THREAT_MODEL.md                       what is protected, and what is not`);

/** A person makes a key, an admin admits its id, the person registers. */
async function enrol(person: Person): Promise<string> {
  await person.letterlock(`key generate --out ${person.name}.key`);
  person.export({ LETTERLOCK_KEY: `${person.name}.key` });
  const id = (await person.letterlock('key show --quiet')).stdout.trim();
  await operator.letterlock(`identity admit ${id} --key anna.key`);
  await person.letterlock(`identity register --name ${person.name}`);
  return id;
}

async function wrap(): Promise<string> {
  const { stdout } = await walter.letterlock('wrap --to rita --path team-a/ledger --file ledger.bin --quiet');
  return stdout.trim();
}

/** One request over a connection of its own, with rita's client certificate. */
function send(target: string, authorization: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      target,
      {
        agent: false,
        rejectUnauthorized: false, // who answers is not in question here; letterlock itself pins the fingerprint
        cert: readFileSync(stage.path('rita.crt')),
        key: readFileSync(stage.path('rita.key'))
          .toString()
          .split(/(?<=-----END PRIVATE KEY-----\n)/)[0],
        headers: { authorization: authorization.trim().replace(/^authorization: /i, '') },
      },
      (incoming) => {
        let body = '';
        incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
        incoming.on('end', () => {
          const { code } = JSON.parse(body) as { readonly code?: string };
          resolve(`${incoming.statusCode} ${code ?? 'ok'}`);
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** The same service in this process, so that the raw bytes of its memory store can be read. */
async function scanStore(): Promise<void> {
  await using server = await startTestServer();
  const writer = await server.createIdentity('walter', [{ verbs: ['wrap'], path: 'team-a' }]);
  const reader = await server.createIdentity('rita');
  const { id } = await server
    .client(writer)
    .wrap({ to: reader.id, path: 'team-a/ledger', content, name: 'ledger.bin' });
  const raw = Buffer.concat([...server.dump()].flatMap(({ key, value }) => [Buffer.from(key), value]));
  writeFileSync(stage.path('store.raw'), raw);
  print(`   a server in this process stored the same wrap: ${raw.length} raw bytes, keys and values`);
  const slice = content.subarray(4096, 4128);
  fact(content.includes(slice) && !raw.includes(slice), 'no 32 bytes of the content are in them');
  const names = ['team-a', 'ledger', 'walter', 'rita', id, writer.id, reader.id];
  fact(
    names.every((name) => !raw.includes(name)),
    `nor any of the names: ${names.slice(0, 4).join(', ')}, the ids`,
  );
  fact(
    raw.includes('"scheme":"any"'),
    'while what is public by design, the seal configuration, is found by the same search',
  );
}
