export type { AgentFace, AgentLinks } from './executor/agent-links.ts';
export { type ExecutorConfig, executorConfig } from './executor/config.ts';
export { assembleRegion } from './executor/executor.ts';
export type { Location } from './executor/member-stack.ts';
export { type ComputeKind, NESTED_FILES, registryOf, type Ways } from './executor/member-ways.ts';
export { Metrics as ExecutorMetrics } from './executor/metrics.ts';
export type { MicrocloudConfig } from './microcloud/config.ts';
export { OpenStackError } from './openstack/errors.ts';
export type { Heat, NewStack, Stack, StackEvent, StackRef, StackSummary } from './openstack/heat.ts';
