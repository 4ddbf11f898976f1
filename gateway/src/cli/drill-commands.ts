// `argosy drill run | list | show | report | abort`: disasters that are rehearsed.
import { writeFileSync } from 'node:fs';
import { pause } from '@argosy/proto';
import type { Command } from 'commander';
import { drillPage } from '../rest/drill-page.ts';
import type { DrillView } from '../rest/drill-view.ts';
import { asJson } from './changes.ts';
import { ApiError, CommandError, UnreachableError } from './errors.ts';
import { seconds, wholeNumber } from './option-values.ts';
import { type Drill, drillAnswer, drillsAnswer } from './resources.ts';
import type { OpenSession, Session } from './session.ts';
import { renderFields, renderTable } from './tables.ts';
import { agoText } from './times.ts';

const POLL_MS = 500;
/** Longer than any drill is led on. */
const DEFAULT_WAIT_SECONDS = 1_200;
const FIRST_SERVER_ERROR = 500;
const UNAUTHORIZED = 401;

interface RunOptions {
  readonly json?: boolean;
  readonly cluster: string;
  readonly region?: string;
  readonly live?: boolean;
  readonly cutOff?: boolean;
  readonly to?: string;
  readonly outage?: number;
  readonly abortAfter?: number;
  readonly rto?: number;
  readonly schedule?: string;
  readonly wait: boolean;
  readonly timeout: number;
}

export function addDrillCommands(program: Command, open: OpenSession): void {
  const drill = program.command('drill').description('disasters that are rehearsed, measured and reported');
  drill
    .command('run <kind>')
    .description('region-outage, primary-crash, control-plane-loss or switchover; waits for its report')
    .requiredOption('--cluster <name>', 'whose disaster it is')
    .option('--region <name>', 'which region dies')
    .option('--live', 'the whole region, with all that runs there; else only its members of this cluster')
    .option('--cut-off', 'cut its links instead of killing it (needs network namespaces)')
    .option('--to <member|region>', 'whom a switchover goes to')
    .option('--outage <seconds>', 'how long the disaster lasts (default 15)', wholeNumber)
    .option('--abort-after <seconds>', 'heal after so long, whatever was seen (default 300)', wholeNumber)
    .option('--rto <ms>', 'the goal: how long writes may pause', wholeNumber)
    .option('--schedule <cron>', 'run it again and again, by a cron expression in UTC')
    .option('--no-wait', 'do not wait for its end')
    .option('--timeout <seconds>', 'how long to wait', seconds, DEFAULT_WAIT_SECONDS)
    .action(async (kind: string, options: RunOptions, command: Command) =>
      run(await open(command), kind, { ...command.optsWithGlobals<RunOptions>(), ...options }),
    );
  drill
    .command('list')
    .description('the newest drills of your project, and what is scheduled')
    .action(async (_options, command: Command) => {
      const { client, terminal, clock } = await open(command);
      const answer = await client.get('/v2/drills', drillsAnswer);
      terminal.out(isJson(command) ? asJson(answer) : renderList(answer.drills, clock.now()));
    });
  drill
    .command('show <id>')
    .description('one drill, with its report once it has ended')
    .action(async (id: string, _options, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.get(`/v2/drills/${encodeURIComponent(id)}`, drillAnswer);
      terminal.out(isJson(command) ? asJson(answer) : renderDrill(answer.drill));
    });
  drill
    .command('report <id>')
    .description('the report as a page to read in a browser')
    .requiredOption('--out <file>', 'where to write it')
    .action(async (id: string, options: { out: string }, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.get(`/v2/drills/${encodeURIComponent(id)}`, drillAnswer);
      writeFileSync(options.out, drillPage(answer.drill as DrillView));
      terminal.out(`The report is in ${options.out}.`);
    });
  drill
    .command('abort <id>')
    .description('break a drill off and heal what it did; end a schedule')
    .action(async (id: string, _options, command: Command) => {
      const { client, terminal } = await open(command);
      const answer = await client.post(`/v2/drills/${encodeURIComponent(id)}/abort`, {}, drillAnswer);
      terminal.out(isJson(command) ? asJson(answer) : `Drill ${id} is broken off.`);
    });
}

async function run(session: Session, kind: string, options: RunOptions): Promise<void> {
  const { client, terminal } = session;
  const { cluster, region, live, cutOff, to, outage, abortAfter, rto, schedule } = options;
  const wish = {
    ...{ kind, cluster, region, live, to, schedule },
    ...(cutOff === true ? { how: 'cut_off' } : {}),
    ...{ outage_seconds: outage, abort_after_seconds: abortAfter },
    ...(rto === undefined ? {} : { goals: { rto_ms: rto } }),
  };
  const { drill } = await client.post('/v2/drills', { drill: wish }, drillAnswer);
  const isQuiet = options.json === true;
  if (drill.status === 'SCHEDULED' || !options.wait) {
    const text = drill.status === 'SCHEDULED' ? `is scheduled, next at ${drill.next_at}` : 'runs';
    terminal.out(isQuiet ? asJson({ drill }) : `Drill ${drill.id} ${text}.`);
    return;
  }
  const ended = await follow(session, drill, { isQuiet, timeoutSeconds: options.timeout });
  terminal.out(isQuiet ? asJson({ drill: ended }) : renderFigures(ended));
  const { verdict = ended.status, reasons = [] } = ended.report ?? {};
  if (verdict !== 'passed') throw new CommandError(`The drill ${verdict}: ${reasons.join(' ')}`);
}

/** The drill may kill the peer that is asked, or the Keystone that let us in: another one is asked then. */
async function follow(
  session: Session,
  drill: Drill,
  { isQuiet, timeoutSeconds }: { readonly isQuiet: boolean; readonly timeoutSeconds: number },
): Promise<Drill> {
  const { client, terminal, clock } = session;
  const begin = clock.monotonicMs();
  const shown = new Set<string>();
  let last = drill;
  for (;;) {
    for (const moment of isQuiet ? [] : last.timeline) {
      const line = `${moment.at}  ${moment.kind.padEnd(14)} ${moment.message}`;
      if (!shown.has(line)) terminal.out(line);
      shown.add(line);
    }
    if (last.status !== 'RUNNING') return last;
    if (clock.monotonicMs() - begin > timeoutSeconds * 1_000) {
      throw new CommandError(`Drill ${drill.id} has not ended within ${timeoutSeconds} s; it goes on.`);
    }
    await pause(clock, POLL_MS);
    try {
      last = (await client.get(`/v2/drills/${encodeURIComponent(drill.id)}`, drillAnswer)).drill;
    } catch (error) {
      if (!isPassing(error)) throw error;
      client.forgetLogin();
    }
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  return error instanceof ApiError && (error.status >= FIRST_SERVER_ERROR || error.status === UNAUTHORIZED);
}

function renderList(drills: readonly Drill[], now: Date): string {
  if (drills.length === 0) return 'There are no drills.';
  const rows = drills.map((drill) => [
    ...[drill.id, drill.kind, drill.cluster, drill.status, drill.report?.verdict ?? ''],
    ...[pauseText(drill), drill.report?.lost_writes, drill.schedule, agoText(drill.created_at, now)],
  ]);
  return renderTable(['id', 'kind', 'cluster', 'status', 'verdict', 'pause', 'lost', 'schedule', 'began'], rows);
}

function renderDrill(drill: Drill): string {
  const timeline = drill.timeline.map(({ at, kind, message }) => `${at}  ${kind.padEnd(18)} ${message}`);
  return [renderFigures(drill), '', ...timeline].join('\n');
}

function renderFigures(drill: Drill): string {
  const { report } = drill;
  const where = drill.region === null ? '' : ` of ${drill.region}`;
  const figures: [string, string][] =
    report === null
      ? [['phase', drill.phase ?? '']]
      : [
          ['verdict', `${report.verdict}: ${report.reasons.join(' ')}`],
          ['RTO', `${report.rto_ms ?? 'unknown'} ms without an acknowledged write, as the writer saw it`],
          ['RPO', `${report.lost_writes ?? 'unknown'} lost writes, over ${report.rpo_ms ?? 'unknown'} ms`],
          ['writes', `${report.acknowledged_writes} acknowledged, ${report.doubled_writes ?? 'unknown'} of them twice`],
          ['primary', `${report.before.primary} before, ${report.after?.primary ?? 'unknown'} after`],
        ];
  return renderFields([
    ['id', drill.id],
    ['drill', `${drill.kind}${where} of cluster ${drill.cluster}`],
    ['status', drill.status],
    ...figures,
  ]);
}

function pauseText({ report }: Drill): string {
  const ms = report?.rto_ms ?? undefined;
  return ms === undefined ? '' : `${ms} ms`;
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json === true;
}
