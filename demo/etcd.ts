/**
 * A real etcd for the demonstration: built from its Go module into a cache folder, with certificates made on the spot.
 * It must never take an etcd that the machine happens to have.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { certificatePem, createSelfSignedCertificate, generateSigningKey } from '@letterlock/crypto';
import { freePort, print, type Stage } from './stage.ts';

const buildScript = join(import.meta.dirname, '..', 'tools', 'etcd', 'build.sh');
const startMilliseconds = 20_000;

/** Path of the program; undefined without Go. Says on standard error when it builds, which takes a minute or two, once. */
export function etcdProgram(): string | undefined {
  const { status, stdout, stderr } = spawnSync(buildScript, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (status === 0) return stdout.trim();
  if (stderr.includes('Go is missing')) return undefined;
  throw new Error(`Cannot build etcd:\n${stderr}`);
}

/** Starts it over TLS, for one client certificate. @returns flags of `letterlock server` */
export async function startEtcd(stage: Stage, program: string): Promise<string> {
  const [port, peerPort] = [await freePort(), await freePort()];
  writeCertificate(stage, 'etcd', ['localhost', '127.0.0.1']);
  writeCertificate(stage, 'store', []);
  const words =
    `--data-dir etcd.data --log-level error --enable-grpc-gateway=false ` +
    `--listen-client-urls https://127.0.0.1:${port} --advertise-client-urls https://localhost:${port} ` +
    `--cert-file etcd.crt --key-file etcd.key --client-cert-auth --trusted-ca-file store.crt ` +
    `--listen-peer-urls http://127.0.0.1:${peerPort}`;
  print(`operator$ etcd ${words} &`);
  const child = stage.start(program, words);
  child.stdout?.resume();
  child.stderr?.resume();
  const until = performance.now() + startMilliseconds;
  while (!(await isListening(port))) {
    if (performance.now() > until) throw new Error('etcd did not start');
    await pause(50);
  }
  return `--store etcd --etcd-endpoints https://localhost:${port} --etcd-ca-file etcd.crt --etcd-cert-file store.crt --etcd-key-file store.key`;
}

function writeCertificate(stage: Stage, name: string, hosts: readonly string[]): void {
  const key = generateSigningKey('P-256');
  const now = Math.floor(Date.now() / 1000);
  const der = createSelfSignedCertificate({
    key,
    commonName: name,
    notBeforeSeconds: now - 300,
    notAfterSeconds: now + 86_400,
    hosts,
  });
  writeFileSync(stage.path(`${name}.crt`), certificatePem(der));
  writeFileSync(stage.path(`${name}.key`), key.keyObject.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
