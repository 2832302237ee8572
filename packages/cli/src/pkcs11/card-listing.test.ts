import { describe, expect, test } from '@jest/globals';
import { readObjects, readTokens } from './card-listing.ts';

/** As OpenSC 0.23 prints it for SoftHSM. */
const slots = (flags: string): string => `Available slots:
Slot 0 (0x6af04087): SoftHSM slot ID 0x6af04087
  token label        : ben
  token manufacturer : SoftHSM project
  token model        : SoftHSM v2
  token flags        : ${flags}
  hardware version   : 2.6
  firmware version   : 2.6
  serial num         : c33a5c086af04087
  pin min/max        : 4/255
Slot 1 (0x2): SoftHSM slot ID 0x2
  token state:   uninitialized
Slot 2 (0x4): A reader : with a colon
  (empty)
`;
const token = {
  slot: '0x6af04087',
  label: 'ben',
  manufacturer: 'SoftHSM project',
  model: 'SoftHSM v2',
  serial: 'c33a5c086af04087',
};

describe('readTokens()', () => {
  test.each([
    { flags: 'login required, rng, token initialized, PIN initialized, other flags=0x20', pinState: 'fine' },
    { flags: 'login required, token initialized, user PIN count low, PIN initialized', pinState: 'few tries' },
    { flags: 'login required, user PIN count low, final user PIN try, PIN initialized', pinState: 'last try' },
    { flags: 'user PIN count low, final user PIN try, user PIN locked', pinState: 'locked' },
    { flags: 'SO PIN locked, SO PIN count low', pinState: 'fine' },
  ])('reads the initialised tokens; $pinState', ({ flags, pinState }) => {
    expect(readTokens(slots(flags))).toEqual([{ ...token, pinState }]);
  });

  test.each(['', 'Available slots:\nNo slots.\n'])('reads none from %j', (text) => {
    expect(readTokens(text)).toEqual([]);
  });
});

describe('readObjects()', () => {
  test('reads label and id of public keys and certificates, and of nothing else', () => {
    const text = `Public Key Object; EC  EC_POINT 256 bits
  EC_POINT:   04410480072930f019741acb
  EC_PARAMS:  06082a8648ce3d030107
  label:      admin: the first
  ID:         01aF
  Usage:      encrypt, verify, wrap, derive
  Access:     local
Public Key Object; RSA 3072 bits
  Usage:      verify
Profile object 3735928559
  label:      none of ours
Certificate Object; type = X.509 cert
  label:      Certificate for PIV Authentication
  subject:    DN: CN=anna
  ID:         01
`;
    expect(readObjects(text)).toEqual([
      { label: 'admin: the first', id: '01af', point: undefined },
      { label: '', id: '', point: undefined },
      { label: 'Certificate for PIV Authentication', id: '01', point: undefined },
    ]);
  });

  const [x, y] = ['1f'.repeat(32), 'e2'.repeat(32)];
  const p256 = '06082a8648ce3d030107';
  test.each([
    { name: 'in an OCTET STRING', point: `044104${x}${y}`, parameters: p256, read: { curve: 'P-256', x, y } },
    {
      name: 'bare',
      point: `04${x}${y}`,
      parameters: `${p256} (OID 1.2.840.10045.3.1.7)`,
      read: { curve: 'P-256', x, y },
    },
    { name: 'that is compressed', point: `02${x}`, parameters: p256, read: undefined },
    { name: 'that is too short', point: `044104${x}`, parameters: p256, read: undefined },
    { name: 'of another curve', point: `04${x}${y}`, parameters: '06052b8104000a', read: undefined },
    { name: 'of the other curve', point: `04${x}${y}`, parameters: '06052b81040022', read: undefined },
  ])('reads a point $name', ({ point, parameters, read }) => {
    const text = `Public Key Object; EC  EC_POINT 256 bits\n  EC_POINT:   ${point}\n  EC_PARAMS:  ${parameters}\n`;
    expect(readObjects(text)[0]!.point).toEqual(read);
  });
});
