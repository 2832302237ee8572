import { beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { KnownServersFile } from './state/known-servers.ts';
import { usePeople } from './testing/people.ts';

const people = usePeople();
const claimId = 'AAECAwQFBgcICQoLDA0ODw';

/** What curl does with --cacert, --cert, --key, --data-binary and -H. */
function curl(
  person: 'writer' | 'reader',
  path: string,
  body?: string,
  header?: string,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const file = (name: string): Buffer => readFileSync(people.home.path(name));
  const [, headerName = '', headerValue = ''] = /^([^:]+): (.*)$/.exec(header ?? '') ?? [];
  const outgoing = request(
    `${people.service.origin}${path}`,
    {
      method: body === undefined ? 'GET' : 'POST',
      ca: file('ca.crt'),
      cert: file(`${person}.crt`),
      key: file(`${person}.key`),
      agent: false,
      headers: {
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...(header === undefined ? {} : { [headerName]: headerValue }),
      },
    },
    (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    },
  );
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

beforeAll(async () => {
  await people.run('writer', 'trust export --out ca.crt');
  for (const person of ['writer', 'reader'] as const) await people.run(person, `key certificate --out ${person}.crt`);
});

describe('with the certificates that the program writes', () => {
  test('another tool stores an envelope that was sealed offline', async () => {
    await people.run('writer', 'identity show reader');
    const sealed = await people.run(
      'writer',
      'wrap --offline --to reader --path team-a/db --out envelope.json -q',
      'offline',
    );
    const id = sealed.stdout.trim();

    const stored = await curl('writer', '/v1/wraps', readFileSync(people.home.path('envelope.json'), 'utf8'));
    const opened = await people.run('reader', `open ${id}`);

    expect(stored.status).toBe(201);
    expect(opened.stdout).toBe('offline');
  });

  test('another tool opens, and decrypt verifies what it was answered', async () => {
    const id = await people.wrap('by another tool');
    const body = `{"cid":"${claimId}"}`;
    const answer = await curl('reader', `/v1/wraps/${id}/open`, body);
    writeFileSync(people.home.path('answer.json'), answer.text);
    writeFileSync(people.home.path('body.json'), body);
    writeFileSync(people.home.path('other.json'), '{"cid":"BBECAwQFBgcICQoLDA0ODw"}');
    const files = '--answer answer.json --body';

    const decrypted = await people.run('reader', `decrypt ${id} ${files} body.json`);
    const byOther = await people.run('writer', `decrypt ${id} ${files} body.json`);
    const ofOther = await people.run('reader', `decrypt ${id} ${files} other.json`);
    const otherId = await people.run('reader', `decrypt AAECAwQFBgcICQoLDA0ODw ${files} body.json`);
    const acknowledged = await curl('reader', `/v1/wraps/${id}/ack`, body);
    const shown = await people.run('writer', `lookup ${id} -o json`);

    expect(answer.status).toBe(200);
    expect(decrypted).toMatchObject({ status: 0, stdout: 'by another tool' });
    for (const refused of [byOther, ofOther, otherId]) expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(acknowledged.status).toBe(200);
    expect(JSON.parse(shown.stdout)).toMatchObject({ state: 'OPENED', opening: 'mtls', acknowledgement: 'mtls' });
  });

  test('a proof by the same key revokes', async () => {
    const id = await people.wrap('content');
    const path = `/v1/wraps/${id}/revoke`;
    writeFileSync(people.home.path('empty.json'), '{}');
    const { stdout } = await people.run('writer', `proof --url ${people.service.origin}${path} --body empty.json`);

    const other = await curl('reader', path, '{}', stdout.trim());
    const own = await curl(
      'writer',
      path,
      '{}',
      (await people.run('writer', `proof --url ${people.service.origin}${path} --body empty.json -q`)).stdout.trim(),
    );

    expect([other.status, own.status]).toEqual([401, 200]);
  });
});

describe('letterlock proof', () => {
  test('is not made for another server than the pinned one', async () => {
    const pins = new KnownServersFile(people.home.config);
    const pin = pins.find(people.service.origin)!;
    pins.put(people.service.origin, { ...pin, fingerprint: people.service.people.reader.id });

    const { status, stdout } = await people.run('writer', `proof --url ${people.service.origin}/v1/grants`);

    pins.put(people.service.origin, pin);
    expect({ status, stdout }).toEqual({ status: 8, stdout: '' });
  });

  test.each([
    { name: 'a query', url: 'https://a.example/v1/x?a=b' },
    { name: 'http', url: 'http://a.example/v1/x' },
    { name: 'a path outside the API', url: 'https://a.example/v2/x' },
    { name: 'a dot segment', url: 'https://a.example/v1/../x' },
  ])('refuses $name', async ({ url }) => {
    expect((await people.run('writer', `proof --url ${url} --nonce ${'A'.repeat(54)}`)).status).toBe(2);
  });

  test('needs no network with a nonce', async () => {
    const { stdout } = await people.run(
      'writer',
      `proof --url https://A.example:443/v1/x --nonce ${'A'.repeat(54)} -o json`,
    );

    expect(JSON.parse(stdout)).toMatchObject({ method: 'GET', target: 'https://a.example/v1/x' });
  });
});
