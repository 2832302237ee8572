/**
 * Mutants of what an upgrade and an uninstallation rest on: whom a new release still knows, and what is taken away afterwards.
 * Must never hold a change that only breaks the syntax: such a row proves nothing.
 * @module
 */
import type { Mutant } from './mutants.ts';

const formerSettings = 'packages/core/src/injection/former-settings.ts';
const cleanUp = 'packages/server/src/kube/clean-up.ts';
const tests = {
  forms: ['packages/core/src/injection/former-settings.test.ts'],
  cleanUp: ['packages/server/src/kube/clean-up.test.ts'],
} as const;

export const lifecycleMutants: readonly Mutant[] = [
  {
    name: 'lifecycle: pods of a former image are locked out',
    edits: [
      {
        file: formerSettings,
        search: 'new Set([settings.image, ...formerImages])',
        replace: 'new Set([settings.image, ...formerImages.slice(formerImages.length)])',
      },
    ],
    tests: tests.forms,
  },
  {
    name: 'lifecycle: pods from before the initialisation are locked out',
    edits: [
      {
        file: formerSettings,
        search: 'new Set([settings.instanceKey, undefined])',
        replace: 'new Set([settings.instanceKey])',
      },
    ],
    tests: tests.forms,
  },
  {
    name: 'lifecycle: uninstalling takes finalizers of others off',
    edits: [
      {
        file: cleanUp,
        search: 'finalizers.filter((each) => !each.startsWith(`${kubernetesGroup}/`))',
        replace: 'finalizers.filter((each) => kubernetesGroup === each)',
      },
    ],
    tests: tests.cleanUp,
  },
  {
    name: 'lifecycle: uninstalling leaves our finalizers on',
    edits: [{ file: cleanUp, search: 'bindings: await releaseAll(api, bindings)', replace: 'bindings: 0' }],
    tests: tests.cleanUp,
  },
  {
    name: 'lifecycle: uninstalling deletes a ConfigMap of somebody else',
    edits: [{ file: cleanUp, search: ' && isOurs(object))', replace: ' && (isOurs(object) || true))' }],
    tests: tests.cleanUp,
  },
];
