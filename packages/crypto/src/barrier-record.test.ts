/** Barrier records. @module */
import { expect, test } from '@jest/globals';
import { openRecord, sealRecord } from './barrier-record.ts';
import { SecretBytes } from './secret-bytes.ts';

test('openRecord() gives back what was sealed', () => {
  const termKey = SecretBytes.random(32);
  const record = sealRecord({ term: 3, termKey, path: 'id/x', plaintext: Buffer.from('value') });
  const opened = openRecord({ termKeyOf: (term) => (term === 3 ? termKey : undefined), path: 'id/x', record });
  expect(opened.toString()).toBe('value');
});
