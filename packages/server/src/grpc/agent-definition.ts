/**
 * `letterlock.v1.Agent` as grpc-js takes it: messages as bytes, which are read after their size is known to be right.
 * It must never name a method that proto/letterlock/v1/agent.proto does not.
 * @module
 */
import type { ServiceDefinition } from '@grpc/grpc-js';

/** Methods with one answer. */
export const agentMethods = ['Renew', 'Open', 'Ack', 'Read', 'Write'] as const;
export type AgentMethod = (typeof agentMethods)[number];
export const agentServicePath = '/letterlock.v1.Agent/';

const asIs = (bytes: Buffer): Buffer => bytes;

function method(name: string, responseStream: boolean): ServiceDefinition[string] {
  return {
    path: `${agentServicePath}${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

export const agentDefinition: ServiceDefinition = Object.fromEntries([
  ...agentMethods.map((name) => [name, method(name, false)] as const),
  ['Watch', method('Watch', true)] as const,
]);
