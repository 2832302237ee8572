/**
 * Binding listeners and closing them, and the names of what was bound.
 * It must never take a listener for bound that is not.
 * @module
 */
import type { Server } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import type { Logger } from 'pino';
import type { ListenAddress } from './address.ts';

/** @returns the port. @throws EADDRINUSE, EACCES */
export async function listen(server: NetServer, { host, port }: ListenAddress, log: Logger): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  await promise;
  server.off('error', reject);
  // Such as too many open files: the next connection may be accepted again.
  server.on('error', (error) => log.error({ error }, 'Cannot accept a connection'));
  return (server.address() as AddressInfo).port;
}

/** A scrape that is under way may be cut: the process ends anyway. */
export async function closeHealth(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
}

export function originOf(host: string, port: number): string {
  return new URL(`https://${host}:${port}`).origin;
}

export function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
