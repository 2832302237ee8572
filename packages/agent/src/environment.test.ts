import { describe, expect, test } from '@jest/globals';
import { agentVariables, writePodDelivery } from '@letterlock/protocol';
import { readEnvironment } from './environment.ts';

const valid = {
  LETTERLOCK_TRUST_DOMAIN: 'prod.example',
  LETTERLOCK_DIRECT_ORIGIN: 'https://letterlock.letterlock-system.svc:8443',
  LETTERLOCK_AGENT_TARGET: 'letterlock.letterlock-system.svc:9443',
  LETTERLOCK_INSTANCE_KEY: '4zXuyfZCqKhaNN8ryIhRoBckVPHvBaUSEHbDWJmuHTc',
  LETTERLOCK_MODE: 'sidecar',
  LETTERLOCK_WRITER: 'false',
  LETTERLOCK_LOG_LEVEL: 'info',
  LETTERLOCK_DELIVERY: writePodDelivery({ files: [], bindings: ['orders-db'] }),
  LETTERLOCK_NAMESPACE: 'shop',
  LETTERLOCK_POD_NAME: 'orders-1',
  LETTERLOCK_POD_UID: '2f6f0c4e-0d29-4f44-9a43-0b1ad0b4a9d1',
  LETTERLOCK_SERVICE_ACCOUNT: 'orders',
};

describe('readEnvironment()', () => {
  test('reads what the injector writes, and nothing that a Service of the name letterlock would add', () => {
    const settings = readEnvironment({ ...valid, LETTERLOCK_PORT: 'tcp://10.0.0.1:443', LETTERLOCK_SERVICE_HOST: 'x' });
    expect(settings).toEqual({
      trustDomain: 'prod.example',
      directOrigin: valid.LETTERLOCK_DIRECT_ORIGIN,
      agentTarget: valid.LETTERLOCK_AGENT_TARGET,
      pinnedInstanceKey: valid.LETTERLOCK_INSTANCE_KEY,
      mode: 'sidecar',
      isWriter: false,
      logLevel: 'info',
      delivery: { bindings: ['orders-db'], files: [] },
      namespace: 'shop',
      podName: 'orders-1',
      podUid: valid.LETTERLOCK_POD_UID,
      serviceAccount: 'orders',
      selector: 'spiffe://prod.example/ns/shop/sa/orders',
    });
  });

  test('any means no pin', () => {
    expect(readEnvironment({ ...valid, LETTERLOCK_INSTANCE_KEY: 'any' }).pinnedInstanceKey).toBeUndefined();
  });

  test('has all variables of the injector', () => {
    expect(Object.keys(valid).toSorted()).toEqual(Object.values(agentVariables).toSorted());
  });

  test.each(Object.keys(valid))('refuses to do without %s', (name) => {
    expect(() => readEnvironment({ ...valid, [name]: '' })).toThrow(name);
  });

  test.each([
    { name: 'LETTERLOCK_DIRECT_ORIGIN', value: 'http://letterlock:8443' },
    { name: 'LETTERLOCK_DIRECT_ORIGIN', value: 'https://letterlock:8443/x' },
    { name: 'LETTERLOCK_AGENT_TARGET', value: 'letterlock' },
    { name: 'LETTERLOCK_INSTANCE_KEY', value: 'short' },
    { name: 'LETTERLOCK_MODE', value: 'Sidecar' },
    { name: 'LETTERLOCK_WRITER', value: 'yes' },
    { name: 'LETTERLOCK_LOG_LEVEL', value: 'trace' },
    { name: 'LETTERLOCK_NAMESPACE', value: 'a/b' },
  ])('refuses $value as $name, without repeating it', ({ name, value }) => {
    expect(() => readEnvironment({ ...valid, [name]: value })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(value) }),
    );
  });

  test('refuses delivery settings that are none', () => {
    expect(() => readEnvironment({ ...valid, LETTERLOCK_DELIVERY: '{}' })).toThrow(
      expect.objectContaining({ code: 'bad_encoding' }),
    );
  });
});
