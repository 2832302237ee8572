/** The known answer of the specification (protocol.md §5.2), computed in two languages. @module */
import { describe, expect, test } from '@jest/globals';
import { decodeBase64url, encodeBase64url, envelopeHeader, labels, readClaims } from '@letterlock/protocol';
import { hash43 } from './bytes.ts';
import { deriveKey } from './hkdf.ts';
import { pad } from './padding.ts';
import { fileKeyCommitment, isCommittedTo, openPayload, sealPayload } from './payload.ts';
import { SecretBytes } from './secret-bytes.ts';

const fileKey = SecretBytes.take(Uint8Array.from({ length: 32 }, (_, index) => index));
const hdr =
  '{"enc":"inline","exp":1790086400,"iat":1790000000,"id":"AAECAwQFBgcICQoLDA0ODw","kc":"c5ZON8qm3hWr4CpAfsldgXOgg-Pa5RFvY4IPx2upg0E","kind":"once","mode":"e2e","path":"team-a/db/password","rcp":["k:RUNJ5CLwUpcZHq0T4h09tSDlq-9SBV5JZLgvshP1k6E"],"v":1,"ver":1,"win":60,"wrt":"UOch5JwBPwDGLPWfIWNUKp2N8CRk7-thXTEFGw_dwyY"}';
const eh = 'csNnPiqSgJ5mHQlVkyCMDbTbzr1a37cve1z-Oc8IBtM';

describe('known answer of §5.2', () => {
  test('kc', () => {
    expect(fileKeyCommitment(fileKey, 'AAECAwQFBgcICQoLDA0ODw')).toBe('c5ZON8qm3hWr4CpAfsldgXOgg-Pa5RFvY4IPx2upg0E');
    expect(isCommittedTo(fileKey, readClaims(envelopeHeader, hdr))).toBe(true);
  });
  test('eh', () => {
    expect(hash43(hdr)).toBe(eh);
  });
  test.each([
    { name: 'Kp', label: labels.payload, value: 'VScmblFGJMhK13kPZTQ9QxQc4466NPjkkiWoFl_f0JA' },
    { name: 'Ks', label: labels.stream, value: 'noWLhjKuuCz74m_jXaRk3M4bAHw4D_2wepkQAV-FL1s' },
  ])('$name', ({ label, value }) => {
    expect(encodeBase64url(deriveKey(fileKey, decodeBase64url(eh), label).expose())).toBe(value);
  });
  test('padding', () => {
    expect(hash43(pad(Buffer.from('hunter2')))).toBe('LAxIMRMxacW9aU6bAP0BkW9AnctaHQMQ31G99DI4YH4');
  });
  test('opens under this header', async () => {
    const payload = sealPayload({ content: Buffer.from('hunter2'), fileKey, eh });
    const content = await openPayload({ payload, fileKey, header: readClaims(envelopeHeader, hdr), eh });
    expect(Buffer.from(content.expose()).toString()).toBe('hunter2');
  });
});
