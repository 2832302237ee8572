/**
 * The one process of the service: configuration in, running server out.
 * @module
 */
export {
  ConfigError,
  describeConfig,
  loadConfig,
  type Config,
  type ConfigFault,
  type LoadConfigOptions,
  type SettingDescription,
} from './config.ts';
export { buildOpenApi } from './http/openapi.ts';
export { startServer, type RunningServer, type StartOptions } from './main.ts';
