/**
 * The command line as data, for the tools that write its reference.
 * @module
 */
export { describeCommands, describeGlobalOptions, type CommandDescription } from './describe-commands.ts';
