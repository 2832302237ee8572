import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeAttestorContract, serverImage, serverPod } from '@letterlock/core/testing';
import { generateOpeningKey, generateSigningKey, hash43 } from '@letterlock/crypto';
import type { KubernetesConfig } from './config.ts';
import type { ApiClient } from './kube/api-client.ts';
import { openAttestor } from './open-attestor.ts';
import { systemClock } from './system-clock.ts';
import { serverPodsApi } from './testing/server-pods-api.ts';

const identity = generateSigningKey();
const pem = identity.keyObject.export({ format: 'pem', type: 'pkcs8' });
let folder: string;
let keyFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-attest-'));
  keyFile = join(folder, 'replica.key');
  writeFileSync(keyFile, pem, { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(path = keyFile): ReturnType<typeof openAttestor> {
  const attest = { static: { keyFile: path, fingerprints: [identity.thumbprint] } };
  return openAttestor({ attest, kubernetes: undefined, trustDomain: 'test.example' }, systemClock, undefined);
}

/** The attestor of the process in a pod. */
function inPod(ordinal: number, api: ApiClient | undefined): ReturnType<typeof openAttestor> {
  const { namespace, name } = serverPod(ordinal).metadata;
  const kubernetes = { namespace, pod: name } as KubernetesConfig;
  const attest = { kubernetes: { container: 'server', images: [] } };
  return openAttestor({ attest, kubernetes, trustDomain: 'test.example' }, systemClock, api);
}

describeAttestorContract('openAttestor() in Kubernetes', () => {
  const { api } = serverPodsApi(serverPod(0), serverPod(1));
  return [inPod(0, api)!, inPod(1, api)!];
});

describe('openAttestor()', () => {
  test('attests with the key of the file, whose fingerprint is pinned', async () => {
    const attestor = open()!;
    const boot = hash43('boot');
    const attested = await attestor.verify({ boot, token: await attestor.present(boot) });
    expect(attested.instance).toBe(`static:${identity.thumbprint}`);
  });

  test('is not there where nothing is configured', () => {
    const config = { attest: undefined, kubernetes: undefined, trustDomain: 'test.example' };
    expect(openAttestor(config, systemClock, undefined)).toBeUndefined();
  });

  test('in Kubernetes attests by the API server of the configuration, and says which pod it is', async () => {
    const { api, witness } = serverPodsApi(serverPod(0), serverPod(1));
    const boot = hash43('boot');
    const token = await inPod(1, api)!.present(boot);
    expect(witness.tokens.get(token)?.audience).toBe(`letterlock-boot:test.example:${boot}`);
    const { uid, name } = serverPod(1).metadata;
    await expect(inPod(0, api)!.verify({ boot, token })).resolves.toMatchObject({
      instance: uid,
      name,
      image: serverImage,
    });
  });

  test('in Kubernetes does nothing without an API server', () => {
    expect(() => inPod(0, undefined)).toThrow(TypeError);
  });

  test.each([
    { name: 'no file', change: () => rmSync(keyFile), says: 'cannot be read (ENOENT)' },
    { name: 'a file that everybody can read', change: () => chmodSync(keyFile, 0o644), says: 'readable by everybody' },
    { name: 'a file without a key', change: () => writeFileSync(keyFile, 'x'), says: 'no unencrypted PEM private key' },
    {
      name: 'a key that does not sign',
      change: () =>
        writeFileSync(keyFile, generateOpeningKey('X25519').keyObject.export({ format: 'pem', type: 'pkcs8' })),
      says: 'no unencrypted PEM private key',
    },
  ])('refuses $name', ({ change, says }) => {
    change();
    expect(() => open()).toThrow(
      expect.objectContaining({
        faults: [expect.objectContaining({ at: 'attest.static.keyFile', message: expect.stringContaining(says) })],
      }),
    );
  });
});
