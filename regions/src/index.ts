export type { ExecutorConfig } from './executor/config.ts';
export type { MicrocloudConfig } from './microcloud/config.ts';
