import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readDockerfile } from './dockerfile.ts';
import { imagePrograms } from './image-programs.ts';

const root = join(import.meta.dirname, '../..');
const valid = `# a comment
ARG BASE_IMAGE=example.test/node:26
FROM \${BASE_IMAGE}
LABEL a=1 b.c="two words"
COPY . /app/
ENV NODE_ENV=production
USER 65532:65532
WORKDIR /app
EXPOSE 8443 9090/udp
ENTRYPOINT ["/nodejs/bin/node", \\
  "/app/main.js"]
CMD ["--help"]
`;

describe('readDockerfile()', () => {
  test('reads each instruction', () => {
    expect(readDockerfile(valid)).toEqual({
      base: 'example.test/node:26',
      copies: [{ from: '.', to: '/app/' }],
      configuration: {
        user: '65532:65532',
        workingFolder: '/app',
        environment: { NODE_ENV: 'production' },
        labels: { a: '1', 'b.c': 'two words' },
        ports: ['8443/tcp', '9090/udp'],
        entrypoint: ['/nodejs/bin/node', '/app/main.js'],
        command: ['--help'],
      },
    });
  });

  test('takes a build argument before the default', () => {
    expect(readDockerfile(valid, { BASE_IMAGE: 'localhost/base:1' }).base).toBe('localhost/base:1');
  });

  test.each([
    { name: 'an instruction that needs an engine', text: `${valid}RUN id\n`, message: 'RUN is not known' },
    { name: 'a second stage', text: `${valid}FROM scratch\n`, message: 'two FROM' },
    { name: 'no base', text: valid.replace('FROM', '# FROM'), message: 'no FROM' },
    { name: 'a shell form', text: valid.replace('["--help"]', '--help'), message: 'JSON list' },
    { name: 'a variable that no ARG gives', text: valid.replace('ARG', '# ARG'), message: 'no ARG gives BASE_IMAGE' },
    { name: 'an ARG without a value', text: valid.replace('=example.test/node:26', ''), message: 'no build argument' },
    { name: 'COPY with an option', text: valid.replace('COPY', 'COPY --from=x'), message: 'a source and a target' },
  ])('refuses $name', ({ text, message }) => {
    expect(() => readDockerfile(text)).toThrow(message);
  });
});

describe('the Dockerfiles', () => {
  const files = Object.entries(imagePrograms).map(([name, { dockerfile }]) => ({ name, dockerfile }));
  const read = (dockerfile: string) =>
    readDockerfile(readFileSync(join(root, dockerfile), 'utf8'), { BASE_IMAGE: 'base' });

  test.each(files)('of $name name no base of their own', ({ dockerfile }) => {
    expect(readFileSync(join(root, dockerfile), 'utf8')).toMatch(/^ARG BASE_IMAGE\nFROM \$\{BASE_IMAGE\}$/m);
  });

  test.each(files)('of $name run as nobody, by number, and without a shell', ({ dockerfile }) => {
    const { configuration } = read(dockerfile);
    expect(configuration.user).toMatch(/^[1-9]\d+:[1-9]\d+$/);
    expect(configuration.entrypoint[0]).toBe('/nodejs/bin/node');
  });

  test.each(files)('of $name start Node without a debugger and without old TLS', ({ dockerfile }) => {
    const { entrypoint } = read(dockerfile).configuration;
    expect(entrypoint).toEqual(
      expect.arrayContaining(['--disable-proto=delete', '--disable-sigusr1', '--tls-min-v1.3']),
    );
  });

  test('start the server with the options of the command line', () => {
    const script = readFileSync(join(root, 'packages/cli/bin/letterlock'), 'utf8');
    const options = /^options="(.*)"$/m.exec(script)?.[1]?.split(' ');
    const { entrypoint } = read('deploy/Dockerfile.server').configuration;
    expect(entrypoint.slice(1, -1)).toEqual(options);
  });
});
