import { FakeBarrier } from './testing/fake-barrier.ts';
import { describeBarrierContract } from './testing/barrier-contract.ts';

describeBarrierContract('FakeBarrier', () => new FakeBarrier());
