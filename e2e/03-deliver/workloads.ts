/**
 * Who writes and who reads in this story.
 * It must never use more than what an application has: files, the socket, and its own token.
 * @module
 */
import * as workloads from '../run/workloads.ts';
import type { Outcome, World } from '../run/world.ts';

export { account, podSpec, tokenPath } from '../run/workloads.ts';

export const shop = 'letterlock-deliver-shop';
export const ci = 'letterlock-deliver-ci';

/** A pod that may hold a writer's token. */
export const writerPod = (image: string, name: string, serviceAccountName: string): object =>
  workloads.writerPod(image, ci, name, serviceAccountName);

export const bindingObject: object = workloads.bindingObject(shop, { namespace: ci, name: 'deployer' });

export const deployment = (image: string, replicas: number): object => workloads.readers(image, shop, { replicas });

/** A write as an application makes it. Shape of token: what the header holds; empty: no header. @returns HTTP status and body */
export const write = (world: World, pod: string, password: string, token?: string): Outcome =>
  workloads.write(world, { by: { namespace: ci, pod }, to: shop, password, ...(token === undefined ? {} : { token }) });

export const demandWrite = (world: World, pod: string, password: string): void =>
  workloads.demandWrite(world, { by: { namespace: ci, pod }, to: shop, password });

/** What a pod finds in the file, undefined before it is there. */
export const passwordIn = (world: World, pod: string): string | undefined => workloads.passwordIn(world, shop, pod);
