/**
 * What `pkcs11-tool` lists, as data: the tokens behind a module, the keys on one of them.
 * It must never make a choice: it reads lines.
 * @module
 */

export interface CardToken {
  /** Slot as the program wants it, such as 0x1f. */
  readonly slot: string;
  readonly label: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial: string;
  readonly pinState: PinState;
}
/** What the token says about tries of its PIN. */
export type PinState = 'fine' | 'few tries' | 'last try' | 'locked';

export interface CardObject {
  readonly label: string;
  /** Lower-case hexadecimal; empty where the key has none. */
  readonly id: string;
  /** Of an EC public key: its curve, and the point behind the octet 04, as hexadecimal. */
  readonly point: { readonly curve: 'P-256' | 'P-384'; readonly x: string; readonly y: string } | undefined;
}

/** What EC_PARAMS is for each curve. @source RFC 5480 §2.1.1.1 */
const curves = [
  { curve: 'P-256', parameters: '06082a8648ce3d030107', coordinateBytes: 32 },
  { curve: 'P-384', parameters: '06052b81040022', coordinateBytes: 48 },
] as const;

/** The worst of them counts. */
const pinFlags: readonly (readonly [flag: string, state: PinState])[] = [
  ['user PIN locked', 'locked'],
  ['final user PIN try', 'last try'],
  ['user PIN count low', 'few tries'],
];

/** Tokens of `--list-slots`; slots without an initialised token are left out. */
export function readTokens(text: string): readonly CardToken[] {
  return sections(text, /^Slot \d+ \((0x[0-9a-f]+)\)/).flatMap(({ head, fields }) => {
    const label = fields.get('token label');
    if (label === undefined) return [];
    const flags = fields.get('token flags') ?? '';
    return [
      {
        slot: head,
        label,
        manufacturer: fields.get('token manufacturer') ?? '',
        model: fields.get('token model') ?? '',
        serial: fields.get('serial num') ?? '',
        pinState: pinFlags.find(([flag]) => flags.includes(flag))?.[1] ?? 'fine',
      },
    ];
  });
}

/** Objects of `--list-objects` with one type. */
export function readObjects(text: string): readonly CardObject[] {
  return sections(text, /^(\S.*)$/)
    .filter(({ head }) => /^(?:Public Key|Certificate) Object\b/.test(head))
    .map(({ fields }) => ({
      label: fields.get('label') ?? '',
      id: hexadecimal(fields.get('ID')),
      point: pointOf(hexadecimal(fields.get('EC_POINT')), hexadecimal(fields.get('EC_PARAMS'))),
    }));
}

/** The point stands in an OCTET STRING, or bare. */
function pointOf(text: string, parameters: string): CardObject['point'] {
  const found = curves.find((each) => each.parameters === parameters);
  if (found === undefined) return undefined;
  const digits = found.coordinateBytes * 2;
  const header = `04${(found.coordinateBytes * 2 + 1).toString(16)}`;
  const [, x, y] = new RegExp(`^(?:${header})?04([0-9a-f]{${digits}})([0-9a-f]{${digits}})$`).exec(text) ?? [];
  return x === undefined || y === undefined ? undefined : { curve: found.curve, x, y };
}

/** Digits at the beginning; a name may follow. */
function hexadecimal(text: string | undefined): string {
  return /^[0-9a-f]*/.exec((text ?? '').toLowerCase())?.[0] ?? '';
}

interface Section {
  /** First group of the pattern. */
  readonly head: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** Lines `  name : value` below the line that begins a section. */
function sections(text: string, begin: RegExp): readonly Section[] {
  const found: { readonly head: string; readonly fields: Map<string, string> }[] = [];
  for (const line of text.split('\n')) {
    const head = begin.exec(line)?.[1];
    if (head !== undefined) found.push({ head, fields: new Map() });
    const field = /^\s+([A-Za-z][A-Za-z /_]*?)\s*:\s*(.*?)\s*$/.exec(line);
    if (field !== null) found.at(-1)?.fields.set(field[1]!, field[2]!);
  }
  return found;
}
