/**
 * Bindings for tests, without an informer.
 * It must never be used outside tests.
 * @module
 */
import type { LiveBinding, LiveBindings } from '../live-binding.ts';

export class FakeBindings implements LiveBindings {
  readonly bindings = new Map<string, LiveBinding>();
  isStale = false;

  constructor(...bindings: readonly LiveBinding[]) {
    for (const binding of bindings) this.put(binding);
  }

  put(binding: LiveBinding): void {
    this.bindings.set(`${binding.namespace}/${binding.name}`, binding);
  }

  isCurrent(): boolean {
    return !this.isStale;
  }

  bindingOf(namespace: string, name: string): LiveBinding | undefined {
    return this.bindings.get(`${namespace}/${name}`);
  }

  bindingsIn(namespace: string): readonly LiveBinding[] {
    return [...this.bindings.values()].filter((binding) => binding.namespace === namespace);
  }
}

/** The binding of the tests: pods of `orders` read, `ci/deployer` writes. */
export function liveBinding(change: Partial<LiveBinding> = {}): LiveBinding {
  return {
    namespace: 'shop',
    name: 'orders-db',
    keyHeldBy: 'Service',
    serviceAccountNames: ['orders'],
    selectsPod: () => true,
    secrets: [{ name: 'db', opens: 'Unlimited' }],
    writers: {
      serviceAccounts: [{ namespace: 'ci', name: 'deployer', secrets: ['db'], factor: 'Sidecar' }],
      identities: [],
    },
    ...change,
  };
}
