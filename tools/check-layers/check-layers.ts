/**
 * Finds imports that the import table forbids, and reads of the clock or environment in folders that decide.
 * Must never read a file or guess: it is given every file's text, and what it cannot understand is a violation.
 * @module
 */
import { posix } from 'node:path';
import { parseSync } from 'oxc-parser';
import {
  exceptions,
  importsByName,
  impureTexts,
  importTable,
  layeredPackages,
  pureFolders,
  type Layer,
} from './import-table.ts';

export interface SourceFile {
  /** Path from the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly reason: string;
}

/** Package name without scope → the subpaths it exports, such as `.` and `./testing`. */
export type PackageExports = Readonly<Record<string, readonly string[]>>;

interface Import {
  /** Absent when it cannot be known from the text. */
  readonly specifier: string | undefined;
  readonly isType: boolean;
  readonly offset: number;
}

interface Place {
  readonly packageName: string | undefined;
  readonly layer: string | undefined;
  readonly isTest: boolean;
}

/** Checks all files against the table. */
export function checkLayers(files: readonly SourceFile[], packageExports: PackageExports): readonly Violation[] {
  return files.flatMap((file) => [
    ...checkImports(file, packageExports),
    ...checkPurity(file),
    ...checkBrands(file),
    ...checkProofsOfWorkloads(file),
  ]);
}

function checkImports(file: SourceFile, packageExports: PackageExports): readonly Violation[] {
  const place = placeOf(file.path);
  if (place.layer !== undefined && importTable[place.layer] === undefined) {
    return [{ path: file.path, line: 1, reason: `${place.layer} is not in the import table` }];
  }
  return importsOf(file).flatMap((found) => {
    const reason = reasonAgainst(found, file.path, place, packageExports);
    return reason === undefined ? [] : [{ path: file.path, line: lineAt(file.text, found.offset), reason }];
  });
}

function reasonAgainst(found: Import, path: string, place: Place, packageExports: PackageExports): string | undefined {
  const { specifier, isType } = found;
  if (specifier === undefined)
    return importsByName.test(path) ? undefined : 'import() of a name that is not a string literal';
  if (specifier.startsWith('.')) return reasonAgainstRelative(specifier, isType, path, place);
  if (specifier.startsWith('@letterlock/')) return reasonAgainstPackage(specifier, isType, path, place, packageExports);
  return reasonAgainstOutside(specifier, isType, path, place);
}

function reasonAgainstRelative(specifier: string, isType: boolean, path: string, place: Place): string | undefined {
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  const targetPlace = placeOf(target);
  if (targetPlace.packageName !== place.packageName) {
    return targetPlace.packageName === undefined
      ? `${specifier} leaves the package`
      : `${specifier} is an inner file of ${targetPlace.packageName}`;
  }
  if (place.isTest || place.layer === undefined) return undefined;
  if (targetPlace.isTest) return `${specifier} is for tests only`;
  if (targetPlace.layer === place.layer) return undefined;
  return allowsOurs(place.layer, path, targetPlace.layer, isType)
    ? undefined
    : forbidden(place.layer, targetPlace.layer, isType);
}

function reasonAgainstPackage(
  specifier: string,
  isType: boolean,
  path: string,
  place: Place,
  packageExports: PackageExports,
): string | undefined {
  const [, name = '', ...rest] = specifier.split('/');
  const subpath = rest.length === 0 ? '.' : `./${rest.join('/')}`;
  if (!(packageExports[name] ?? []).includes(subpath)) return `${specifier} is an inner file of ${name}`;
  if (name === place.packageName) return `${specifier} is this package itself`;
  if (place.isTest || place.layer === undefined) return undefined;
  if (subpath === './testing') return `${specifier} is for tests only`;
  return allowsOurs(place.layer, path, name, isType) ? undefined : forbidden(place.layer, name, isType);
}

function reasonAgainstOutside(specifier: string, isType: boolean, path: string, place: Place): string | undefined {
  if (place.isTest || place.layer === undefined) {
    // Even a test must not reach for a library that only one file may touch.
    if (specifier === 'node-forge' && place.packageName !== 'cli') return 'node-forge is for packages/cli only';
    return undefined;
  }
  const layer = importTable[place.layer];
  const name = libraryOf(specifier);
  const allowed = [
    ...(layer?.outside ?? []),
    ...(isType ? (layer?.outsideTypes ?? []) : []),
    ...exceptions.filter(({ files }) => files.test(path)).flatMap(({ outside }) => outside),
  ];
  const isAllowed = allowed.includes(name) || (name.startsWith('node:') && allowed.includes('node:*'));
  return isAllowed ? undefined : forbidden(place.layer, name, isType);
}

function allowsOurs(from: string, path: string, to: string | undefined, isType: boolean): boolean {
  if (to === undefined) return false;
  const layer: Layer | undefined = importTable[from];
  const allowed = [
    ...(layer?.ours ?? []),
    ...(isType ? (layer?.types ?? []) : []),
    ...exceptions.filter(({ files }) => files.test(path)).flatMap(({ ours }) => ours),
  ];
  return allowed.includes(to) || allowed.includes(`${to.split('/')[0] ?? ''}/*`);
}

function forbidden(from: string, to: string | undefined, isType: boolean): string {
  return `${from} may not import ${isType ? 'types of ' : ''}${to ?? 'this'}`;
}

/** `@scope/name/x` → `@scope/name`; a Node module keeps its subpath. */
function libraryOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function placeOf(path: string): Place {
  const parts = path.split('/');
  const isTest =
    path.endsWith('.test.ts') ||
    parts.slice(0, -1).includes('testing') ||
    /^packages\/[^/]+\/src\/testing\.ts$/.test(path);
  if (parts[0] !== 'packages') return { packageName: undefined, layer: undefined, isTest };
  const packageName = parts[1] ?? '';
  // The entry for applications' tests ships with the client, so it obeys the client's row.
  const isShipped = path === 'packages/client/src/testing.ts';
  if (parts[2] !== 'src') return { packageName, layer: undefined, isTest };
  const folder = layeredPackages.has(packageName) && parts.length > 4 ? parts[3] : undefined;
  const layer = folder === undefined || folder === 'testing' ? packageName : `${packageName}/${folder}`;
  return { packageName, layer, isTest: isTest && !isShipped };
}

function importsOf(file: SourceFile): readonly Import[] {
  const { module, errors } = parseSync(file.path, file.text, { sourceType: 'module' });
  if (errors.length > 0) return [{ specifier: undefined, isType: false, offset: 0 }];
  return [
    ...module.staticImports.map(({ moduleRequest, entries, start }) => ({
      specifier: moduleRequest.value,
      isType: entries.length > 0 && entries.every(({ isType }) => isType),
      offset: start,
    })),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest, isType, start }) =>
        moduleRequest === null ? [] : [{ specifier: moduleRequest.value, isType, offset: start }],
      ),
    ),
    ...module.dynamicImports.map(({ moduleRequest, start }) => ({
      specifier: /^(['"`])([^'"`$\\]+)\1$/.exec(file.text.slice(moduleRequest.start, moduleRequest.end))?.[2],
      isType: false,
      offset: start,
    })),
  ];
}

function checkPurity(file: SourceFile): readonly Violation[] {
  if (!pureFolders.test(file.path) || placeOf(file.path).isTest) return [];
  const code = withoutComments(file);
  return impureTexts.flatMap(({ text, named }) =>
    [...code.matchAll(text)].map(({ index }) => ({
      path: file.path,
      line: lineAt(file.text, index),
      reason: `${named} reads the clock or the environment`,
    })),
  );
}

/** A cast is how a step of the pipeline would be skipped: each brand is given in its own folder only. */
function checkBrands(file: SourceFile): readonly Violation[] {
  if (!file.path.startsWith('packages/') || file.path.endsWith('.test.ts')) return [];
  const homes = {
    Proven: 'packages/core/src/proof/',
    Permitted: 'packages/core/src/policy/',
    ProvenWorkload: 'packages/core/src/ca/',
  } as const;
  return Object.entries(homes)
    .filter(([, home]) => !file.path.startsWith(home))
    .flatMap(([brand]) =>
      [...file.text.matchAll(new RegExp(`\\bas (?:unknown as )?${brand}\\b`, 'g'))].map(({ index }) => ({
        path: file.path,
        line: lineAt(file.text, index),
        reason: `a cast to ${brand} outside the folder that grants it`,
      })),
    );
}

/** A pod is proven by enrolment, which has asked every witness, and by nothing else. */
function checkProofsOfWorkloads(file: SourceFile): readonly Violation[] {
  const isHome = /^packages\/core\/src\/(?:ca|workloads)\//.test(file.path);
  if (!file.path.startsWith('packages/') || isHome || file.path.endsWith('.test.ts')) return [];
  return [...withoutComments(file).matchAll(/\bproveWorkload\s*\(/g)].map(({ index }) => ({
    path: file.path,
    line: lineAt(file.text, index),
    reason: 'proveWorkload() outside the enrolment',
  }));
}

/** The text with comments blanked, so that offsets stay. */
function withoutComments(file: SourceFile): string {
  let code = file.text;
  for (const { start, end } of parseSync(file.path, file.text, { sourceType: 'module' }).comments) {
    code = code.slice(0, start) + ' '.repeat(end - start) + code.slice(end);
  }
  return code;
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
