/**
 * The agent as a function, for who starts it inside a process of their own.
 * @module
 */
export { runAgent, type AgentOptions, type AgentPaths } from './agent.ts';
export { readEnvironment, type AgentSettings } from './environment.ts';
export { createLog, type Log } from './log.ts';
