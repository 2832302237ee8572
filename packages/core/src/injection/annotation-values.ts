/**
 * Strict readers of annotation values: each takes text and gives a typed value, or says what it would have taken.
 * It must never repair a value, nor let one speak another program's language.
 * @module
 */
import { filePermissions, templateBytes } from '@letterlock/protocol';

/** A value, or what was expected in words for the message; never the value itself. */
export type ReadValue<T> = { readonly value: T } | { readonly expected: string };
export type ValueReader<T> = (text: string) => ReadValue<T>;

/** Longest value but for templates, bytes of UTF-8. */
const valueBytes = 4096;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const objectName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const secretReference =
  /^([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:#([-._a-zA-Z0-9]{1,253}))?$/;
const pathSegment = /^[A-Za-z0-9._-]{1,100}$/;
const quantity = /^(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,3})?(?:m|k|Ki|M|Mi|G|Gi)?$/;
const duration = /^([1-9][0-9]{0,3})(s|m|h)$/;
const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };
const longestWaitSeconds = 3600;
const reloadUrl = /^http:\/\/(?:localhost|127\.0\.0\.1):([1-9][0-9]{0,4})(\/[A-Za-z0-9._~/-]{0,255})$/;
/** Where a volume would hide what the container needs, or ours. */
const systemFolders = ['/dev', '/proc', '/sys', '/run/secrets', '/var/run/secrets'];
const largestUid = 2_147_483_647;

/** What no value may hold: control characters, and the placeholders of shells, Helm and other injectors. */
const foreign: readonly { readonly found: RegExp; readonly expected: string }[] = [
  // oxlint-disable-next-line no-control-regex -- these are the characters that are refused
  { found: /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/, expected: 'no control characters' },
  { found: /\$[{(]/, expected: 'no placeholders of a shell or of Kubernetes' },
  { found: /\{\{|\}\}/, expected: 'no braces of another template language; ours are << and >>' },
];

/** Any text that may stand in an annotation. @param options - `maximumBytes`; `isMultiline`: line feeds and tabs are allowed */
export function readText(
  text: string,
  options: { readonly maximumBytes: number; readonly isMultiline: boolean } = {
    maximumBytes: valueBytes,
    isMultiline: false,
  },
): ReadValue<string> {
  const { maximumBytes, isMultiline } = options;
  if (text.length > maximumBytes || Buffer.byteLength(text) > maximumBytes || !text.isWellFormed()) {
    return { expected: `at most ${maximumBytes} bytes of text` };
  }
  if (!isMultiline && /[\n\t]/.test(text)) return { expected: 'one line' };
  const fault = foreign.find(({ found }) => found.test(text));
  return fault === undefined ? { value: text } : { expected: fault.expected };
}

/** Reads with the checks that every value passes first. */
function strict<T>(read: ValueReader<T>): ValueReader<T> {
  return (text) => {
    const checked = readText(text);
    return 'expected' in checked ? checked : read(checked.value);
  };
}

export function oneOf<const T extends string>(...values: readonly T[]): ValueReader<T> {
  return strict((text) => {
    const value = values.find((candidate) => candidate === text);
    return value === undefined ? { expected: values.join(' or ') } : { value };
  });
}

export const yesOrNo: ValueReader<boolean> = (text) => {
  const read = oneOf('true', 'false')(text);
  return 'expected' in read ? read : { value: read.value === 'true' };
};

function namesMatching(pattern: RegExp, expected: string, most: number): ValueReader<readonly string[]> {
  return strict((text) => {
    const names = text.split(',').map((name) => name.trim());
    const isRight = names.every((name) => pattern.test(name)) && new Set(names).size === names.length;
    return isRight && names.length <= most ? { value: names } : { expected };
  });
}
export const containerNames = namesMatching(label, 'names of containers, once each, with commas between them', 100);
export const bindingNames = namesMatching(
  objectName,
  'names of bindings in this namespace, once each, with commas between them',
  16,
);

/** An absolute path where a volume may be mounted. */
export const mountPath: ValueReader<string> = strict((text) => {
  const segments = text.split('/').slice(1);
  const isPath =
    text.startsWith('/') &&
    text.length <= 256 &&
    segments.every((segment) => pathSegment.test(segment) && segment !== '.' && segment !== '..');
  const isSystem = systemFolders.some((folder) => text === folder || text.startsWith(`${folder}/`));
  return isPath && !isSystem
    ? { value: text }
    : { expected: 'an absolute path without . and .., not in a folder of the system' };
});

/** A path inside the folder of secrets. */
export const filePath: ValueReader<string> = strict((text) => {
  const segments = text.split('/');
  const isRight =
    text.length <= 256 &&
    segments.length <= 16 &&
    segments.every((segment) => pathSegment.test(segment) && segment !== '.' && segment !== '..');
  return isRight ? { value: text } : { expected: 'a path inside the folder of secrets, without . and ..' };
});

/** Seconds from `30s`, `4m` or `1h`. */
export const waitSeconds: ValueReader<number> = strict((text) => {
  const [, count = '', unit = ''] = duration.exec(text) ?? [];
  const value = Number(count) * (secondsOf[unit] ?? 0);
  return value >= 1 && value <= longestWaitSeconds ? { value } : { expected: 'a time such as 30s, 4m or 1h, up to 1h' };
});

export type UpdateAction =
  { readonly action: 'None' } | { readonly action: 'HTTP'; readonly path: string; readonly port: number };

/** `None`, or the URL in the pod that is called after an update. */
export const updateAction: ValueReader<UpdateAction> = strict<UpdateAction>((text) => {
  if (text === 'None') return { value: { action: 'None' } };
  const [, port = '0', path = ''] = reloadUrl.exec(text) ?? [];
  return path !== '' && Number(port) <= 65_535
    ? { value: { action: 'HTTP', path, port: Number(port) } }
    : { expected: 'None or http://localhost:<port>/<path>' };
});

/** A uid that is not root's. */
export const userId: ValueReader<number> = strict((text) =>
  /^[1-9][0-9]{0,9}$/.test(text) && Number(text) <= largestUid
    ? { value: Number(text) }
    : { expected: 'the number of a user other than root' },
);

export const resourceQuantity: ValueReader<string> = strict((text) =>
  quantity.test(text) ? { value: text } : { expected: 'a quantity such as 10m or 64Mi' },
);

export interface SecretReference {
  readonly binding: string;
  readonly secret: string;
  readonly key?: string;
}
/** `<binding>/<secret>[#key]` */
export const secretReferenceValue: ValueReader<SecretReference> = strict((text) => {
  const [, binding, secret, key] = secretReference.exec(text) ?? [];
  return binding === undefined || secret === undefined
    ? { expected: '<binding>/<secret> or <binding>/<secret>#<key>' }
    : { value: { binding, secret, ...(key === undefined ? {} : { key }) } };
});

export const permissions = oneOf(...filePermissions);

export const template: ValueReader<string> = (text) =>
  text === '' ? { expected: 'a template' } : readText(text, { maximumBytes: templateBytes, isMultiline: true });
