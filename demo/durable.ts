/**
 * The second half of the demonstration: a service that keeps its data, with several admins and two replicas, on a real etcd.
 * It must never claim what it did not check: each ✓ throws when the fact does not hold.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { startCuttingProxy } from './cutting-proxy.ts';
import { etcdProgram, startEtcd } from './etcd.ts';
import { chapter, fact, freePort, print, type Person, type RunningServer, type Stage } from './stage.ts';
import { sendWrongShare } from './wrong-share.ts';

export interface Cast {
  readonly walter: Person;
  readonly rita: Person;
  readonly walterId: string;
  readonly ritaId: string;
  readonly content: Buffer;
}

const certificates = 'agnes.crt bruno.crt carla.crt';

/** Shows it, or says plainly what is missing for it. */
export async function showDurable(stage: Stage, cast: Cast): Promise<void> {
  chapter('The same on etcd, with two replicas and a quorum of admins');
  const program = etcdProgram();
  if (program === undefined) {
    print(`   Not shown: this half needs etcd 3.6, which is built from its Go module, and Go is not on this machine.
   Install Go 1.26 or newer (https://go.dev/dl) and run make demo again; it shows
   a wrong share that is named, a replica that is killed in the middle of an open, versions of a secret, and the audit trail.`);
    return;
  }
  const admins = {
    agnes: stage.person('agnes'),
    bruno: stage.person('bruno'),
    carla: stage.person('carla'),
  };
  for (const admin of Object.values(admins)) await admin.letterlock(`init admin --name ${admin.name}`);
  const store = await startEtcd(stage, program);
  const [port, otherPort, proxyPort] = [await freePort(), await freePort(), await freePort()];
  const [first, second, proxied] = [port, otherPort, proxyPort].map((each) => `https://127.0.0.1:${each}`) as [
    string,
    string,
    string,
  ];
  const common =
    `--trust-domain demo.example ${store} --init-certificates ${certificates.replaceAll(' ', ',')} --init-threshold 2 ` +
    `--listen-health none`;
  const one = await stage.startServer(
    `${common} --listen-direct 127.0.0.1:${port} --public-origins ${first},${proxied} --audit-sinks file:${stage.path('audit-1.jsonl')}`,
  );
  const fingerprint = await initialise(admins, first, one);
  const other = await stage.startServer(
    `${common} --listen-direct 127.0.0.1:${otherPort} --public-origins ${second} --audit-sinks file:${stage.path('audit-2.jsonl')}`,
  );
  print(`   boot        ${other.boot}\n   The second replica is sealed, as every process that starts.`);
  await unsealSecond(stage, admins, { addresses: `${first},${second}`, second, fingerprint, other });
  await openOverTwo(stage, admins, cast, { first, second, proxied, fingerprint, port, proxyPort, one });
  await showVersions(cast, second);
  await showAudit(stage, admins, fingerprint, other);
}

type Admins = Readonly<Record<'agnes' | 'bruno' | 'carla', Person>>;

async function initialise({ agnes, bruno, carla }: Admins, address: string, one: RunningServer): Promise<string> {
  print(`   boot        ${one.boot}\n   It waits for an admin whose certificate it knows.`);
  agnes.export({ LETTERLOCK_ADDRESS: address });
  const { stdout } = await agnes.letterlock(
    `init --certificates ${certificates} --threshold 2 --boot ${one.boot} --key agnes.key`,
  );
  const fingerprint = /^fingerprint +(\S+)$/m.exec(stdout)?.[1] ?? '';
  for (const admin of [agnes, bruno, carla]) {
    await admin.letterlock(
      `share check --address ${address} --trust ${fingerprint} --certificates ${certificates} --key ${admin.name}.key`,
    );
  }
  return fingerprint;
}

async function unsealSecond(
  stage: Stage,
  { agnes, bruno, carla }: Admins,
  o: {
    readonly addresses: string;
    readonly second: string;
    readonly fingerprint: string;
    readonly other: RunningServer;
  },
): Promise<void> {
  const { addresses, second, fingerprint, other } = o;
  chapter('Two of three unseal; a wrong share is named');
  for (const admin of [agnes, bruno, carla]) admin.export({ LETTERLOCK_ADDRESS: addresses });
  await agnes.letterlock(`unseal --key agnes.key --boot ${other.boot}`, { expect: 6 });
  const url = `${second}/v1/sys/unseal`;
  const { stdout: header } = await carla.letterlock(
    `proof --method GET --url ${url} --trust ${fingerprint} --key carla.key`,
  );
  print(`carla$ # sends her share with one byte changed, by a program of her own: letterlock would not`);
  const refusal = await sendWrongShare({
    address: second,
    authorization: header.trim().replace(/^authorization: /i, ''),
    keyFile: stage.path('carla.key'),
    certificateFile: stage.path('carla.crt'),
  });
  print(`   ${refusal}`);
  const carlaId = (await carla.letterlock('key show --quiet --key carla.key')).stdout.trim();
  const logged = other
    .log()
    .split('\n')
    .find((line) => line.includes('Refused admin') && line.includes(carlaId));
  print(`   ${logged ?? ''}`);
  fact(refusal === '409 conflict', 'it is refused before anything is combined');
  fact(logged?.includes('share_commitment') === true, 'the log names carla, and why');
  const { stdout } = await bruno.letterlock('unseal --status --key bruno.key', { expect: 6 });
  fact(/^shares +1 of 2$/m.test(stdout), "agnes's share still counts");
  const unsealed = await bruno.letterlock(`unseal --key bruno.key --boot ${other.boot}`);
  fact(
    /unsealed by +agnes .*, bruno /.test(unsealed.stdout),
    'the instance key, which all pinned, signs who unsealed: agnes and bruno',
  );
}

async function openOverTwo(
  stage: Stage,
  { agnes }: Admins,
  { walter, rita, walterId, ritaId, content }: Cast,
  o: {
    readonly first: string;
    readonly second: string;
    readonly proxied: string;
    readonly fingerprint: string;
    readonly port: number;
    readonly proxyPort: number;
    readonly one: RunningServer;
  },
): Promise<void> {
  chapter('A replica that is killed in the middle of an open');
  const { first, second, proxied, fingerprint, port, proxyPort, one } = o;
  for (const [person, id] of [
    [walter, walterId],
    [rita, ritaId],
  ] as const) {
    person.export({ LETTERLOCK_ADDRESS: `${first},${second}` });
    await person.letterlock(`trust add --trust ${fingerprint}`);
    await agnes.letterlock(`identity admit ${id} --key agnes.key`);
    await person.letterlock(`identity register --name ${person.name}`);
  }
  await agnes.letterlock(`grant put --who ${walterId} --verbs wrap,write --path team-a --key agnes.key`);
  await agnes.letterlock(`grant put --who ${ritaId} --verbs read --path team-a --key agnes.key`);
  const { stdout: id } = await walter.letterlock('wrap --to rita --path team-a/ledger --file ledger.bin --quiet');
  let killing: Promise<void> | undefined;
  const proxy = await startCuttingProxy({
    port: proxyPort,
    to: port,
    afterBytes: 40_000,
    onCut: () => {
      killing = one.end('SIGKILL');
    },
  });
  const { stdout } = await rita.letterlock(`open ${id.trim()} --out durable.bin`, {
    variables: { LETTERLOCK_ADDRESS: `${proxied},${second}` },
  });
  await proxy.close();
  await killing;
  fact(killing !== undefined, 'the first replica was killed (kill -9) after 40,000 bytes of its answer');
  fact(/^deliveries +2 to this claim/m.test(stdout), 'the same claim was finished at the second: n = 2');
  fact(readFileSync(stage.path('durable.bin')).equals(content), 'durable.bin is byte for byte ledger.bin');
}

async function showVersions({ walter, rita }: Cast, second: string): Promise<void> {
  chapter('A secret with versions');
  for (const person of [walter, rita]) person.export({ LETTERLOCK_ADDRESS: second });
  await walter.shell(`echo 'correct horse' > old.txt; echo 'battery staple' > new.txt`);
  await walter.letterlock('secret write team-a/db --to rita --file old.txt');
  await walter.letterlock('secret write team-a/db --to rita --file new.txt');
  const latest = await rita.letterlock('secret read team-a/db');
  const old = await rita.letterlock('secret read team-a/db --ver 1');
  fact(latest.stdout === 'battery staple\n' && old.stdout === 'correct horse\n', 'both versions are there');
}

async function showAudit(stage: Stage, { agnes }: Admins, fingerprint: string, other: RunningServer): Promise<void> {
  chapter('An audit trail that proves itself');
  print('operator$ kill %2   # a process that ends signs what it recorded');
  await other.end('SIGTERM');
  fact(existsSync(stage.path('audit-2.jsonl')), 'each replica has copied its records into a file');
  const verify = `audit verify audit-1.jsonl audit-2.jsonl --trust ${fingerprint}`;
  const whole = await agnes.letterlock(verify);
  fact(/^trail +whole$/m.test(whole.stdout), 'nothing is missing or changed');
  const before = readFileSync(stage.path('audit-2.jsonl'));
  await agnes.shell(`sed -i '2s/"at":1/"at":2/' audit-2.jsonl`);
  const after = readFileSync(stage.path('audit-2.jsonl'));
  fact(
    before.length === after.length && before.filter((byte, index) => byte !== after[index]).length === 1,
    'one byte of one record is changed',
  );
  const broken = await agnes.letterlock(verify, { expect: 8 });
  fact(/^trail +NOT whole$/m.test(broken.stdout), 'and is found');
}
