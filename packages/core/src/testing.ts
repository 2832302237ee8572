/**
 * Fakes and contract suites of core's ports, for tests alone.
 * @module
 */
export { FakeDirectory, makeAdmin, makePerson, ProofFixture, provenCaller } from './proof/testing/proof-fixture.ts';
export * from './store/testing/barrier-contract.ts';
export * from './store/testing/fake-barrier.ts';
export * from './store/testing/faulty-store.ts';
export * from './store/testing/fixed-clock.ts';
export * from './store/testing/journal-store.ts';
export * from './store/testing/store-contract.ts';
export * from './seal/testing/attestor-contract.ts';
export * from './seal/testing/fake-attestor.ts';
export * from './seal/testing/seal-world.ts';
export { makeClaim, reader, writer, WrapWorld, type MadeWrap } from './wraps/testing/wrap-world.ts';
export * from './store/testing/crashing-store.ts';
export * from './store/testing/kill-everywhere.ts';
export { prepareSecret, secretOperations } from './secrets/testing/crash-secrets.ts';
export { prepareWrap, wrapOperations } from './wraps/testing/crash-wraps.ts';
export { envelopePath as secretEnvelopePath } from './secrets/secret-record.ts';
export { path as secretPath, SecretsWorld } from './secrets/testing/secrets-world.ts';
export { FakeBindings, liveBinding } from './policy/testing/fake-bindings.ts';
export { FakeTokenReviewer, refusedStatus, reviewedPod, reviewStatus } from './proof/testing/token-reviews.ts';
export { FakeWitness } from './workloads/testing/fake-witness.ts';
export {
  FakeBootWitness,
  serverImage,
  serverNamespace,
  serverPod,
  type ServerPodObject,
} from './workloads/testing/server-pods.ts';
export { describeWitnessContract, type WitnessedWorld } from './workloads/testing/witness-contract.ts';
export { podOf, WorkloadsWorld } from './workloads/testing/workloads-world.ts';
export { imageDigest as agentImageDigest, settings as injectionSettings } from './injection/testing/injection-world.ts';
