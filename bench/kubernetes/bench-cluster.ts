/**
 * The service on a real cluster, as a story installs it, with one binding that is written.
 * It must never outlive the measurement.
 * @module
 */
import { kubeconfigOf } from '../../e2e/cluster/cluster.ts';
import { endCluster } from '../../e2e/cluster/down.ts';
import { bootCluster } from '../../e2e/cluster/up.ts';
import { helmApply, namespaceObject, valuesOf, webhookTrusted } from '../../e2e/run/installation.ts';
import { account, bindingObject, demandWrite, writerPod } from '../../e2e/run/workloads.ts';
import { World } from '../../e2e/run/world.ts';

export const service = 'letterlock-bench';
export const shop = 'letterlock-bench-shop';
export const writer = 'letterlock-bench-writer';

export interface BenchCluster extends AsyncDisposable {
  readonly world: World;
  readonly appImage: string;
}

export async function openBenchCluster(print: (line: string) => void): Promise<BenchCluster> {
  const name = `bench-${process.pid}`;
  let world: World | undefined;
  const end = async (): Promise<void> => {
    world?.[Symbol.dispose]();
    await endCluster(name);
  };
  try {
    const cluster = await bootCluster({ name });
    world = new World({ kubeconfig: kubeconfigOf(cluster), cluster, print });
    // Short, so that renewals are part of every figure.
    helmApply(world, 'install', service, { ...(await valuesOf(world, service)), ca: { leafTTL: '2m' } });
    await webhookTrusted(world);
    const appImage = await world.image('app');
    world.apply([namespaceObject(shop), namespaceObject(writer)]);
    world.apply([
      account(shop, 'orders'),
      account(writer, 'deployer'),
      bindingObject(shop, { namespace: writer, name: 'deployer' }),
    ]);
    world.kubectl(`-n ${shop} wait --for=condition=Ready secretbinding/orders-db --timeout=60s`);
    world.apply([writerPod(appImage, writer, 'writer', 'deployer')]);
    world.kubectl(`-n ${writer} wait --for=condition=Ready pod/writer --timeout=90s`, { seconds: 100 });
    demandWrite(world, { by: { namespace: writer, pod: 'writer' }, to: shop, password: 'measured' });
    return { world, appImage, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
