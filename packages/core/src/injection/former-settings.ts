/**
 * The settings by which running pods may have been injected: the present ones, and those that an upgrade may have changed.
 * It must never vary what the agent obeys: addresses, trust domain, uid, group, command stay the present ones.
 * @module
 */
import type { InjectionSettings } from './injection-settings.ts';

const logLevels: readonly InjectionSettings['logLevel'][] = ['error', 'warn', 'info', 'debug'];
const pullPolicies: readonly InjectionSettings['imagePullPolicy'][] = ['Always', 'IfNotPresent', 'Never'];

/**
 * The present settings first, then each that differs in image, log level, pull policy, or in not naming the instance key, which
 * nobody could before the initialisation. What an image may be is decided by its digest.
 */
export function formsOf(settings: InjectionSettings, formerImages: readonly string[]): readonly InjectionSettings[] {
  const images = [...new Set([settings.image, ...formerImages])];
  const instanceKeys = [...new Set([settings.instanceKey, undefined])];
  const forms = images.flatMap((image) =>
    instanceKeys.flatMap((instanceKey) =>
      logLevels.flatMap((logLevel) =>
        pullPolicies.map((imagePullPolicy) => ({ ...settings, image, instanceKey, logLevel, imagePullPolicy })),
      ),
    ),
  );
  return [settings, ...forms];
}
