// What every command that changes something has in common: it can be shown before it is made, waited for while it is
// made, and keeps a password that is told only once.
import type { Command } from 'commander';
import { renderCluster } from './cluster-view.ts';
import { storeCredentials } from './credentials.ts';
import { ApiError } from './errors.ts';
import { assertDone, DEFAULT_TIMEOUT_SECONDS, followOperation } from './follow.ts';
import { seconds } from './option-values.ts';
import { renderPlan } from './plan-view.ts';
import { type ChangeAnswer, type Cluster, changeAnswer, clusterAnswer, planAnswer } from './resources.ts';
import type { Session } from './session.ts';

const NOT_FOUND = 404;

export interface ChangeOptions {
  readonly json?: boolean;
  readonly wait?: boolean;
  readonly timeout?: number;
  readonly dryRun?: boolean;
  readonly planHash?: string;
}

export interface ChangeRequest {
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

export interface ChangeWords extends ChangeOptions {
  /** What is happening now, such as "Cluster orders is being built". */
  readonly done: string;
  /** The cluster as it was before, when there was one. */
  readonly cluster?: Cluster;
  readonly isRemoval?: boolean;
  /** Under what a password is kept; else it is the cluster's own. */
  readonly keptAs?: string;
}

export function addChangeOptions(command: Command): Command {
  return command
    .option('--wait', 'wait until it is done, and show the steps')
    .option('--timeout <seconds>', 'how long to wait', seconds, DEFAULT_TIMEOUT_SECONDS)
    .option('--dry-run', 'show what would be done, and change nothing')
    .option('--plan-hash <hash>', 'do it only if it is what a dry run with this hash has shown');
}

/** Shows or makes a change. @throws ApiError, CommandError */
export async function change(session: Session, request: ChangeRequest, options: ChangeWords): Promise<void> {
  const { client, terminal } = session;
  const query = new URLSearchParams({
    ...(options.dryRun === true ? { dry_run: 'true' } : {}),
    ...(options.planHash === undefined ? {} : { plan_hash: options.planHash }),
  }).toString();
  const path = query === '' ? request.path : `${request.path}?${query}`;
  if (options.dryRun === true) {
    const shown = await client.request(request.method, path, request.body, planAnswer);
    terminal.out(options.json === true ? asJson(shown) : renderPlan(shown.plan));
    return;
  }
  const answer = await client.request(request.method, path, request.body, changeAnswer);
  await finish(session, { ...(options.cluster === undefined ? {} : { cluster: options.cluster }), ...answer }, options);
}

/** Keeps the password, follows the operation when that is wanted, and says how things stand. */
async function finish(session: Session, answer: ChangeAnswer, options: ChangeWords): Promise<void> {
  const { terminal, client, clock } = session;
  const { cluster, operation, credentials } = answer;
  const isJson = options.json === true;
  if (credentials !== undefined && cluster !== undefined) {
    // Kept before anything else: the gateway tells it only once.
    const path = storeCredentials(session.credentialsFolder, options.keptAs ?? cluster.id, credentials);
    if (!isJson) terminal.out(`User ${credentials.username}, password ${credentials.password} (kept in ${path})`);
  }
  if (options.wait !== true || operation === undefined) {
    const follow = operation === undefined ? '' : `: operation ${operation.id}`;
    terminal.out(isJson ? asJson(answer) : `${options.done}${follow}`);
    return;
  }

  const ended = await followOperation(operation.id, {
    client,
    clock,
    terminal: isJson ? undefined : terminal,
    timeoutSeconds: options.timeout,
  });
  const now = options.isRemoval || cluster === undefined ? undefined : await tryReadCluster(session, cluster.id);
  if (isJson) terminal.out(asJson({ ...answer, ...(now === undefined ? {} : { cluster: now }), operation: ended }));
  assertDone(ended);
  if (!isJson) terminal.out(now === undefined ? `Operation ${ended.id} is done.` : renderCluster(now));
}

export function readCluster(session: Session, name: string): Promise<{ cluster: Cluster }> {
  return session.client.get(`/v2/clusters/${encodeURIComponent(name)}`, clusterAnswer);
}

async function tryReadCluster(session: Session, id: string): Promise<Cluster | undefined> {
  try {
    return (await readCluster(session, id)).cluster;
  } catch (error) {
    if (error instanceof ApiError && error.status === NOT_FOUND) return undefined;
    throw error;
  }
}

export function asJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
