/**
 * `make image`: bundles programs and makes an image of each, with buildah, docker or neither, and a list of what is in it.
 * It must never push anything anywhere.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machineArchitecture } from './archive.ts';
import { bundle } from './bundle.ts';
import { engineNames, findEngine, makeImage, type EngineName } from './engines.ts';
import { imagePrograms, type ImageProgram } from './image-programs.ts';

const root = join(import.meta.dirname, '../..');
const usage = `Usage: make image ARGUMENTS="[program…] [options]"
  program                        ${Object.keys(imagePrograms).join(' or ')}; all that exist when none is named
  --engine ${engineNames.join('|')}   default: the first that works here, none without --base
  --base IMAGE                   a distroless image of Node 26, best with a digest; without an engine it is made of this machine's Node
  --architecture amd64|arm64     default: this machine's
  --repository NAME              default localhost; the image is NAME/letterlock-<program>:<version>
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      engine: { type: 'string' },
      base: { type: 'string' },
      architecture: { type: 'string' },
      repository: { type: 'string', default: 'localhost' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const names =
    positionals.length > 0 ? positionals : Object.keys(imagePrograms).filter((name) => exists(imagePrograms[name]!));
  // Without a base there is nothing that an engine could build on.
  const found = values.base === undefined ? 'none' : findEngine();
  const engine = values.engine === undefined ? found : oneOf(engineNames, values.engine);
  const architecture =
    values.architecture === undefined ? machineArchitecture() : oneOf(['amd64', 'arm64'] as const, values.architecture);
  for (const name of names) {
    const program = Object.hasOwn(imagePrograms, name) ? imagePrograms[name] : undefined;
    if (program === undefined || !exists(program))
      throw new Error(`Cannot make an image of ${JSON.stringify(name)}: there is no such program`);
    await makeOne(name, program, {
      engine,
      architecture,
      repository: values.repository,
      ...(values.base === undefined ? {} : { baseImage: values.base }),
    });
  }
}

interface Choices {
  readonly engine: EngineName;
  readonly architecture: 'amd64' | 'arm64';
  readonly repository: string;
  readonly baseImage?: string;
}

async function makeOne(name: string, program: ImageProgram, choices: Choices): Promise<void> {
  const started = Date.now();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  const output = join(root, 'dist/image');
  const context = join(output, name);
  mkdirSync(output, { recursive: true });
  bundle(root, program, context);
  const file = join(output, `letterlock-${name}-${choices.architecture}.tar`);
  const scratch = join(output, `.scratch-${name}`);
  const image = `${choices.repository}/letterlock-${name}:${version}`;
  await makeImage(choices.engine, {
    name: image,
    dockerfile: join(root, program.dockerfile),
    context,
    file,
    scratch,
    architecture: choices.architecture,
    ...(choices.baseImage === undefined ? {} : { baseImage: choices.baseImage }),
  });
  rmSync(scratch, { recursive: true, force: true });
  writeFileSync(join(output, `letterlock-${name}.sbom.json`), billOfMaterials(image, program.workspace));
  const how = choices.engine === 'none' ? 'without an engine' : `with ${choices.engine}`;
  const mebibytes = Math.round(statSync(file).size / 1024 / 1024);
  process.stdout.write(
    `${image}  ${file}  ${mebibytes} MiB, ${how}, ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
  );
}

/** What is in the bundle, as CycloneDX: from the lockfile, so it asks nobody. */
function billOfMaterials(image: string, workspace: string): string {
  const words = ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--package-lock-only', `--workspace=${workspace}`];
  const { status, stdout, stderr } = spawnSync('npm', words, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`Cannot list what is in the image: ${stderr}`);
  const bill = JSON.parse(stdout) as { readonly metadata: { readonly component: object } };
  // npm names it after the folder of the checkout.
  Object.assign(bill.metadata.component, {
    'bom-ref': image,
    type: 'application',
    name: image.slice(0, image.lastIndexOf(':')),
  });
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

function exists({ entries }: ImageProgram): boolean {
  return Object.values(entries).every((source) => existsSync(join(root, source)));
}

function oneOf<T extends string>(allowed: readonly T[], word: string): T {
  const found = allowed.find((each) => each === word);
  if (found === undefined) throw new Error(`Cannot use ${JSON.stringify(word)}: need ${allowed.join(', ')}\n${usage}`);
  return found;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
