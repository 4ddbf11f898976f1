export { openMember } from './agent/agent.ts';
export { type AgentConfig, ConfigError, readConfig, type UserData } from './agent/config.ts';
export type { Member } from './agent/member.ts';
export type { Observations } from './agent/observations.ts';
export { agentService } from './agent/service.ts';
export { type MemberState, VolumeError } from './agent/state.ts';
export { type EngineEntry, EngineError, type EngineMode, type EngineRequest, type Engines } from './engines/engines.ts';
export { enginesFile, prepareEngine } from './engines/prepare.ts';
export { type UnpackContext, unpackPackages } from './engines/unpack.ts';
