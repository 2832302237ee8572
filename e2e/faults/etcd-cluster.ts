/**
 * Three members of etcd over TLS, each behind a proxy through which alone the replicas reach it.
 * It must never count a member as leader that does not say so itself.
 * @module
 */
import { request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { EtcdServer, EtcdStore } from '@letterlock/server/testing';
import { TcpProxy } from './tcp-proxy.ts';

const memberCount = 3;
const leaderMilliseconds = 20_000;
const prefix = 'letterlock/';

export class EtcdCluster {
  readonly members: readonly EtcdServer[];
  readonly proxies: readonly TcpProxy[];

  private constructor(members: readonly EtcdServer[], proxies: readonly TcpProxy[]) {
    this.members = members;
    this.proxies = proxies;
  }

  static async start(): Promise<EtcdCluster> {
    const members = await EtcdServer.startCluster(memberCount);
    return new EtcdCluster(members, await Promise.all(members.map(({ port }) => TcpProxy.start(port))));
  }

  /** As replicas are configured with it. */
  get endpoints(): readonly string[] {
    return this.proxies.map(({ port }) => `https://localhost:${port}`);
  }

  get credentials(): NonNullable<EtcdServer['credentials']> {
    return this.members[0]!.credentials!;
  }

  /** A store beside the proxies, to read what is there. The caller closes it. */
  openStore(): EtcdStore {
    const endpoints = this.members.map(({ endpoint }) => endpoint);
    return new EtcdStore({ endpoints, credentials: this.credentials, prefix, timeoutMilliseconds: 10_000 });
  }

  /** Index of the member that leads. */
  async leader(): Promise<number> {
    const until = performance.now() + leaderMilliseconds;
    while (performance.now() < until) {
      const isLeader = await Promise.all(this.members.map((member) => this.#isLeader(member)));
      const index = isLeader.indexOf(true);
      if (index !== -1) return index;
      await pause(50);
    }
    throw new Error('No member of etcd leads');
  }

  async close(): Promise<void> {
    for (const proxy of this.proxies) await proxy.close();
    for (const member of this.members) await member.close();
  }

  async #isLeader({ endpoint }: EtcdServer): Promise<boolean> {
    const { ca, certificate: cert, key } = this.credentials;
    const { promise, resolve } = Promise.withResolvers<string>();
    const asked = request(`${endpoint}/metrics`, { ca, cert, key, agent: false, timeout: 1000 }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => resolve(text));
    });
    asked.on('error', () => resolve(''));
    asked.on('timeout', () => asked.destroy());
    asked.end();
    return /^etcd_server_is_leader 1$/m.test(await promise);
  }
}
