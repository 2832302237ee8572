/**
 * The real server as a child of the harness: its main, with a store around the store that can end the process.
 * It must never be started by anything but the harness, nor live longer than it.
 * @module
 */
import { readFileSync } from 'node:fs';
import { readCertificate } from '@letterlock/crypto';
import { loadConfig, startServer } from '@letterlock/server';
import { FailpointStore, type Failpoint } from './failpoint-store.ts';

/** What the harness is told. */
export type ReplicaMessage =
  | {
      readonly is: 'ready';
      readonly boot: string;
      /** As its audit records name it. */
      readonly replica: string;
    }
  | { readonly is: 'misreported'; readonly transaction: string };

function tell(message: ReplicaMessage): void {
  process.send?.(message);
}

const flags = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Readonly<Record<string, string | string[]>>;
let failpoints: FailpointStore | undefined;
process.on('message', (failpoint: Failpoint) => failpoints?.arm(failpoint));
process.on('disconnect', () => process.exit(1));

const server = await startServer(loadConfig({ flags }), {
  decorateStore: (store) => {
    failpoints = new FailpointStore(store, {
      // No handler runs and nothing is flushed, as when the machine fails.
      die: () => process.kill(process.pid, 'SIGKILL'),
      onMisreported: (kind) => tell({ is: 'misreported', transaction: kind ?? 'other' }),
    });
    return failpoints;
  },
});
const { thumbprint } = readCertificate(server.certificate).key;
const replica = Buffer.from(thumbprint, 'base64url').subarray(0, 8).toString('base64url');
tell({ is: 'ready', boot: server.bootFingerprint, replica });
