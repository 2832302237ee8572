/**
 * A certificate chain as registration evidence, made once: the tests need no private key of it.
 * It must never be trusted by anything but a test.
 * @module
 */

/** Authority that issued the leaf, base64url DER, valid 2020 to 2099. */
export const authority: string = [
  'MIIBSzCB8aADAgECAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MCIYDzIwMjAwMTAxMDAwMDAwWhgPMjA5OTEyMz',
  'EyMzU5NTlaMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGLTfuGyTh6huF5Ft7aZNcPDRfoao',
  'kpsw0Digz9Uh4ORqT53Wz9C8gr81I0Aqv6d2ww_lFJWKLOUZTACOE70y0qMmMCQwEgYDVR0TAQH_BAgwBgEB_wIBADAOBgNVHQ8BAf8EBAMCAA',
  'QwCgYIKoZIzj0EAwIDSQAwRgIhAJzH8RuEwWgPfn4uvtCMcd1fadtTIg3rT5bwH8MsergOAiEA8g-3FC9GqdoH4ap-',
  'uD1dpVhTgB8qClCWtFROQmnVR54',
].join('');

/** Authority of the same name with another key. */
export const otherAuthority: string = [
  'MIIBSzCB8aADAgECAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MCIYDzIwMjAwMTAxMDAwMDAwWhgPMjA5OTEyMz',
  'EyMzU5NTlaMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEODTB1ukxOM_qY04PZG2mNGsIIACW',
  'albFwHleO-OWZZSVqpfHDlbiph688De-hHkXSxOv4w7aSIiybTPq7sP-',
  '6aMmMCQwEgYDVR0TAQH_BAgwBgEB_wIBADAOBgNVHQ8BAf8EBAMCAAQwCgYIKoZIzj0EAwIDSQAwRgIhAOVRjgIqJCtscdXQyZCnHlXiys4up-',
  'sZMIX_X-y38HMNAiEA7Vl90gRf3eI3gF733CxzwMp9444IsLSPaptKcxYYhVI',
].join('');

/** Certificate of the key that signed the keyset. */
export const leaf: string = [
  'MIIBUTCB-KADAgECAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MCIYDzIwMjAwMTAxMDAwMDAwWhgPMjA5OTEyMz',
  'EyMzU5NTlaMBQxEjAQBgNVBAMMCVRlc3QgbGVhZjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNuOcP3-NHC8CP-',
  'Tqc1GT6AvSdCVIr_BWHk3LpxrheMb1sieobVAoAWq-gVeQO2Cv9FigaDwjx9-',
  '2bbAbTmiSGejMjAwMAkGA1UdEwQCMAAwDgYDVR0PAQH_BAQDAgCAMBMGA1UdJQQMMAoGCCsGAQUFBwMCMAoGCCqGSM49BAMCA0gAMEUCIHa3Oh',
  '4hkXM12vY8bifkPozJJZo5N2fgBiwUbX4_JwLpAiEA4KBbPw938RzV8hCA8HyO1oLq4kfOzQY5jaYWz9DftM8',
].join('');

/** Keyset by the key of the leaf; its private half was not kept. */
export const keyset: string = [
  'eyJhbGciOiJFUzI1NiIsInR5cCI6ImxldHRlcmxvY2sta2V5c2V0K2p3cyIsImtpZCI6IkRZNzE3eVdEQXROTE55dERObGNzMVBoWGNLQ0NlTE',
  '44dUtMMGNFRU40QmMifQ.eyJlbmMiOnsiY3J2IjoiUC0yNTYiLCJrdHkiOiJFQyIsIngiOiJGc0xOM2N5WThmdmxjellQU2ZrbDZSZTdRZWRNR',
  '3E2YzlBaVFMMm1jOG1ZIiwieSI6IkdINFJBdUJRWTRpRTNRX3R6aHZSeGdxUFc3MDZmUnZYclh1ZUQyVE5rbGcifSwiaWF0IjoxNzkwMDAwMDA',
  'wLCJzZXEiOjEsInNpZyI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6IjI0NXdfZjQwY0x3SV81T3B6VVpQb0M5SjBKVWl2OEZZZVRjd',
  'W5HdUY0eHMiLCJ5IjoiMXNpZW9iVkFvQVdxLWdWZVFPMkN2OUZpZ2FEd2p4OS0yYmJBYlRtaVNHYyJ9fQ.NiJcxHpFnaJ8v6fNCvVzEDGPIhZZ',
  'jw7mnrAfnMwUcpWm4V3Z432V-xcvqkWziGsovgSeX4R6haBvKRRRNS_IOw',
].join('');
