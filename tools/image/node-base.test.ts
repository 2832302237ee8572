import { describe, expect, test } from '@jest/globals';
import { sharedObjects } from './node-base.ts';

describe('sharedObjects()', () => {
  test('reads paths, the loader among them, and leaves out what the kernel brings', () => {
    const output = `\tlinux-vdso.so.1 (0x00007ffc1f3f6000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f6f1b200000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f6f1b400000)
`;
    expect(sharedObjects(output)).toEqual(['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2']);
  });

  test('refuses a program that would not start', () => {
    expect(() => sharedObjects('\tlibx.so.1 => not found\n')).toThrow('libx.so.1 is not installed');
  });

  test('finds none for a static program', () => {
    expect(sharedObjects('\tstatically linked\n')).toEqual([]);
  });
});
