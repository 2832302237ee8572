/**
 * Which actions store what must not be lost: they wait until every admin has acknowledged its share.
 * It must never leave out an action: a new one does not compile without an answer.
 * @module
 */
import type { ActionName } from './permitted.ts';

const storing: { readonly [N in ActionName]: boolean } = {
  'wrap.store': true,
  'wrap.open': false,
  'wrap.acknowledge': false,
  'wrap.revoke': false,
  'wrap.status': false,
  'secret.write': true,
  'secret.read': false,
  'secret.list': false,
  'secret.versions': false,
  'secret.destroy': false,
  'identity.read': false,
  'identity.register': true,
  'identity.list': false,
  'identity.put': true,
  'identity.revoke': true,
  'grant.list': false,
  'grant.put': true,
  'grant.delete': true,
  explain: false,
  'unseal.status': false,
  // Rows of agents, which are nobody's content: an agent enrols again.
  'workload.enrol': false,
  'workload.renew': false,
  'workload.token': false,
  seal: false,
  'share.ack': false,
  // Switching off must not wait.
  'peer_unseal.set': false,
  'images.set': false,
};

/** Whether an action waits for the acknowledged shares. @source protocol.md §10.3 */
export function isStoring(act: ActionName): boolean {
  return storing[act];
}
