/**
 * A few connections, all to the replica in use; each carries one request at a time.
 * It must never hand out a connection whose server was not admitted.
 * @module
 */
import type { Connection } from './connection.ts';
import type { Replica } from './replicas.ts';

/** What a connection is wanted for. */
export interface Wanted {
  readonly replica: Replica;
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly wake: () => void;
}

/** Lends connections; the one used last is lent first, because its nonce is the freshest. */
export class ConnectionPool<W extends Wanted> {
  readonly #open: (wanted: W) => Promise<Connection>;
  readonly #maximum: number;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  readonly #waiters: Waiter[] = [];
  #opening = 0;
  #isClosed = false;

  /** @param open - makes a connection and admits its server, or throws. */
  constructor(open: (wanted: W) => Promise<Connection>, maximumConnections: number) {
    this.#open = open;
    this.#maximum = maximumConnections;
  }

  /** A connection for one request; give it back with `release`. Idle ones to other replicas are ended. @throws what `open` throws, or the signal's reason. */
  async acquire(wanted: W): Promise<Connection> {
    const { replica, signal } = wanted;
    for (;;) {
      if (this.#isClosed) throw new TypeError('Cannot call: the client is closed');
      signal.throwIfAborted();
      const idle = this.#takeIdle(replica);
      if (idle !== undefined) return idle;
      if (this.#all.size + this.#opening < this.#maximum) return this.#add(wanted);
      await this.#wait(signal);
    }
  }

  /** Takes a connection back; one that has ended makes room for another. */
  release(connection: Connection): void {
    if (connection.isUsable && !this.#isClosed) this.#idle.push(connection);
    else this.#forget(connection);
    this.#waiters.shift()?.wake();
  }

  /** Ends all connections; requests in flight fail. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#all) connection.close();
    this.#all.clear();
    this.#idle.length = 0;
    for (const waiter of this.#waiters.splice(0)) waiter.wake();
  }

  #takeIdle({ key }: Replica): Connection | undefined {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      if (last.isUsable && last.replica.key === key) return last;
      this.#forget(last);
    }
    return undefined;
  }

  #forget(connection: Connection): void {
    connection.close();
    this.#all.delete(connection);
  }

  async #add(wanted: W): Promise<Connection> {
    this.#opening += 1;
    try {
      const connection = await this.#open(wanted);
      if (this.#isClosed) {
        connection.close();
        throw new TypeError('Cannot call: the client is closed');
      }
      this.#all.add(connection);
      return connection;
    } catch (error) {
      this.#waiters.shift()?.wake();
      throw error;
    } finally {
      this.#opening -= 1;
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        const index = this.#waiters.indexOf(waiter);
        if (index >= 0) this.#waiters.splice(index, 1);
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        wake: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.push(waiter);
    });
  }
}
