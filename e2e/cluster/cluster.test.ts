import { describe, expect, test } from '@jest/globals';
import { kubeconfig } from './certificates.ts';
import { folderOf } from './cluster.ts';
import { daemonNamed } from './daemons.ts';
import { listed } from './import-image.ts';
import { missingPackages } from './machine.ts';
import { freeSlot, networkOf } from './network.ts';
import { namesToMake } from './volumes.ts';

describe('folderOf()', () => {
  test.each(['', '..', 'a/b', 'A', '-a', 'a'.repeat(21)])('refuses the name %j', (name) => {
    expect(() => folderOf(name)).toThrow(RangeError);
  });

  test('ends with the name', () => {
    expect(folderOf('e2e-7')).toMatch(/\/e2e-7$/);
  });
});

describe('freeSlot()', () => {
  test.each([
    { name: 'the first one on an idle machine', routes: 'default via 192.168.1.1 dev eth0\n', slot: 0 },
    { name: 'no slot of another cluster', routes: '10.190.0.0/24 via 10.190.64.2 dev letterlock0\n', slot: 1 },
    { name: 'no slot of an address in a table', routes: 'local 10.190.64.1 dev x table local\n', slot: 1 },
    { name: 'a slot although a number looks like it', routes: '172.10.190.0/24 dev x\n', slot: 0 },
  ])('takes $name', ({ routes, slot }) => {
    expect(freeSlot(routes)).toBe(slot);
  });

  test('refuses when all are taken', () => {
    const routes = Array.from({ length: 16 }, (_, index) => `10.${190 + index}.0.0/24 dev x\n`).join('');
    expect(() => freeSlot(routes)).toThrow('all 16 subnets are in use');
  });
});

describe('networkOf()', () => {
  test('keeps pods, Services and the link apart', () => {
    expect(networkOf(2)).toEqual({
      slot: 2,
      device: 'letterlock2',
      hostAddress: '10.192.64.1',
      nodeAddress: '10.192.64.2',
      podSubnet: '10.192.0.0/24',
      serviceSubnet: '10.192.128.0/17',
      apiService: '10.192.128.1',
    });
  });
});

describe('daemonNamed()', () => {
  test.each([
    { given: 'apiserver', name: 'kube-apiserver' },
    { given: 'kubelet', name: 'kubelet' },
  ])('knows $given', ({ given, name }) => {
    expect(daemonNamed(given)).toBe(name);
  });

  test('refuses another word', () => {
    expect(() => daemonNamed('constructor')).toThrow('need one of etcd');
  });
});

describe('missingPackages()', () => {
  test('names the packages of what is not there', () => {
    expect(missingPackages(({ program }) => program !== 'iptables')).toEqual(['iptables']);
  });
});

describe('kubeconfig()', () => {
  test('holds one user with a certificate, and no path', () => {
    const value = JSON.parse(
      kubeconfig({ server: 'https://x:1', authority: 'YQ==', certificate: 'Yg==', key: 'Yw==' }),
    ) as object;
    expect(value).toMatchObject({
      clusters: [{ cluster: { server: 'https://x:1', 'certificate-authority-data': 'YQ==' } }],
      users: [{ user: { 'client-certificate-data': 'Yg==', 'client-key-data': 'Yw==' } }],
    });
  });
});

describe('listed()', () => {
  const digest = `sha256:${'a'.repeat(64)}`;

  test('reads names with a tag, and leaves out those that are digests', () => {
    const output = `REF TYPE DIGEST SIZE PLATFORMS LABELS
localhost/x:1 application/vnd.oci.image.manifest.v1+json ${digest} 760.7 KiB linux/amd64 a=b
localhost/x@${digest} application/vnd.oci.image.manifest.v1+json ${digest} 760.7 KiB linux/amd64 a=b
${digest} application/vnd.oci.image.manifest.v1+json ${digest} 760.7 KiB linux/amd64 a=b
`;
    expect(listed(output)).toEqual([{ name: 'localhost/x:1', digest }]);
  });
});

describe('namesToMake()', () => {
  test.each([
    { phase: undefined, isMade: false },
    { phase: 'Available', isMade: false },
    { phase: 'Bound', isMade: false },
    { phase: 'Released', isMade: true },
    { phase: 'Failed', isMade: true },
  ])('says $isMade of a volume that is $phase', ({ phase, isMade }) => {
    const items = [{ metadata: { name: 'local-0' }, status: phase === undefined ? {} : { phase } }];
    expect(namesToMake(items).includes('local-0')).toBe(isMade);
  });

  test('names all where there is none', () => {
    expect(namesToMake([])).toHaveLength(12);
  });
});
