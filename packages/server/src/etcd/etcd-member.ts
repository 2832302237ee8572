/**
 * One member of the etcd cluster and the calls that are made to it: the only place where the client library is constructed.
 * It must never try a call again: what became of one without an answer is for the caller to read (protocol.md §9.3).
 * @module
 */
import { noop } from 'cockatiel';
import { Etcd3, type IRangeRequest, type IRangeResponse, type ITxnRequest, type ITxnResponse } from 'etcd3';

/** PEM files' contents; all three are needed. */
export interface EtcdCredentials {
  /** Who may have signed the members' certificates. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** What a member says of itself. Shape: decimal integers as strings. */
export interface MemberStatus {
  readonly revision: string;
  readonly databaseBytes: string;
  readonly usedBytes: string;
}

/** A member; every call ends by its deadline, and answers are as the member gave them. */
export interface EtcdMember {
  readonly endpoint: string;
  range(request: IRangeRequest): Promise<IRangeResponse>;
  transact(request: ITxnRequest): Promise<ITxnResponse>;
  /** Forgets what was changed before a revision. */
  compact(revision: number): Promise<void>;
  status(): Promise<MemberStatus>;
  /** Gives free pages back to the file system; the member answers nothing meanwhile. */
  defragment(): Promise<void>;
  /** Alarms that are raised anywhere in the cluster. */
  alarms(): Promise<readonly { readonly memberID: string; readonly alarm: string }[]>;
  disarm(alarm: { readonly memberID: string; readonly alarm: string }): Promise<void>;
  /** Connects anew for the next call; calls under way end on the connection that they began on. */
  renew(credentials: EtcdCredentials): void;
  close(): void;
}

export interface MemberOptions {
  readonly endpoint: string;
  /** Undefined: plain text, for a member on this machine's loopback in tests. */
  readonly credentials: EtcdCredentials | undefined;
  /** Time for one call. */
  readonly timeoutMilliseconds: number;
}

/** Longest answer that is taken in, bytes: a page of many small records, or a few of the largest. */
export const answerLimitBytes = 16_777_216;
/** A member rewrites its whole file meanwhile: some seconds for each GiB. */
const defragmentationMilliseconds = 600_000;

const channelOptions = {
  // etcd answers pings more often than every 5 s, or without a call, by closing the connection.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
  'grpc.max_receive_message_length': answerLimitBytes,
  // What the environment or the DNS says must not decide where records go.
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
} as const;

/** One connection, kept until nothing is under way on it. */
interface Connection {
  readonly client: Etcd3;
  underWay: number;
  isOld: boolean;
}

function connect(endpoint: string, credentials: EtcdCredentials | undefined): Connection {
  const client = new Etcd3({
    hosts: endpoint,
    // By default three attempts of everything, transactions included, and a circuit breaker that turns one fault into 5 s of them.
    faultHandling: { global: noop, host: () => noop },
    grpcOptions: channelOptions,
    ...(credentials === undefined
      ? {}
      : {
          credentials: {
            rootCertificate: Buffer.from(credentials.ca),
            certChain: Buffer.from(credentials.certificate),
            privateKey: Buffer.from(credentials.key),
          },
        }),
  });
  return { client, underWay: 0, isOld: false };
}

/** Makes the client of one member; it connects with the first call. */
export function connectMember({ endpoint, credentials, timeoutMilliseconds }: MemberOptions): EtcdMember {
  let current = connect(endpoint, credentials);
  const call = async <T>(ask: (client: Etcd3) => Promise<T>): Promise<T> => {
    const used = current;
    used.underWay += 1;
    try {
      return await ask(used.client);
    } finally {
      used.underWay -= 1;
      if (used.isOld && used.underWay === 0) used.client.close();
    }
  };
  const within = (milliseconds = timeoutMilliseconds) => ({ deadline: Date.now() + milliseconds });
  return {
    endpoint,
    range: (request) => call(({ kv }) => kv.range(request, within())),
    transact: (request) => call(({ kv }) => kv.txn(request, within())),
    async compact(revision) {
      await call(({ kv }) => kv.compact({ revision }, within()));
    },
    async status() {
      const { header, dbSize, dbSizeInUse } = await call(({ maintenance }) => maintenance.status(within()));
      return { revision: header.revision, databaseBytes: dbSize, usedBytes: dbSizeInUse };
    },
    async defragment() {
      await call(({ maintenance }) => maintenance.defragment(within(defragmentationMilliseconds)));
    },
    async alarms() {
      return (await call(({ maintenance }) => maintenance.alarm({ action: 'Get' }, within()))).alarms;
    },
    async disarm({ memberID, alarm }) {
      const request = { action: 'Deactivate', memberID, alarm: alarm as 'Nospace' } as const;
      await call(({ maintenance }) => maintenance.alarm(request, within()));
    },
    renew(renewed) {
      const old = current;
      current = connect(endpoint, renewed);
      old.isOld = true;
      if (old.underWay === 0) old.client.close();
    },
    close: () => current.client.close(),
  };
}
