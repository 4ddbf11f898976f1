// A drill's report as a page to read and to keep: it stands alone, and asks nothing of any other host.
import type { DrillView } from './drill-view.ts';

export const HTML_TYPE = 'text/html; charset=utf-8';
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1b1f24}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3em .8em;border-bottom:1px solid #d8dee4;
vertical-align:top}th{font-weight:600}td.time{white-space:nowrap;font-variant-numeric:tabular-nums}
.passed{color:#116329}.failed{color:#a40e26}.aborted,.unknown{color:#7d4e00}h1 small{font-weight:400;color:#57606a}`;

export function drillPage(drill: DrillView): string {
  const { report } = drill;
  const verdict = report?.verdict ?? drill.status.toLowerCase();
  const beganMs = Date.parse(drill.created_at);
  const rows = drill.timeline.map(
    ({ at, kind, message }) =>
      `<tr><td class="time">${escaped(at)}</td><td class="time">${secondsText(Date.parse(at) - beganMs)}</td>` +
      `<td>${escaped(kind)}</td><td>${escaped(message)}</td></tr>`,
  );
  const figures = report === null ? [] : figuresOf(drill, report);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drill of ${escaped(drill.cluster)}: ${escaped(drill.kind)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(drill.kind)} of ${escaped(drill.cluster)}: <span class="${escaped(verdict)}">${escaped(verdict)}</span>
<small>${escaped(drill.id)}</small></h1>
${(report?.reasons ?? []).map((reason) => `<p>${escaped(reason)}</p>`).join('\n')}
<table>
${figures.map(([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`).join('\n')}
</table>
<h2>What happened</h2>
<table>
<tr><th>time (UTC)</th><th>since it began</th><th>what</th><th></th></tr>
${rows.join('\n')}
</table>
</body>
</html>
`;
}

function figuresOf(drill: DrillView, report: NonNullable<DrillView['report']>): [string, string][] {
  const { before, after } = report;
  return [
    ['disaster', `${drill.kind}${drill.region === null ? '' : ` of ${drill.region}`}, ${drill.how.replace('_', ' ')}`],
    ['longest time without an acknowledged write (RTO)', `${report.rto_ms ?? 'unknown'} ms`],
    ['goal', `${report.goals.rto_ms} ms, ${report.goals.lost_writes} lost writes`],
    ['acknowledged writes', String(report.acknowledged_writes)],
    ['of them lost (RPO)', `${report.lost_writes ?? 'unknown'}, over ${report.rpo_ms ?? 'unknown'} ms`],
    ['of them twice', String(report.doubled_writes ?? 'unknown')],
    ['not acknowledged, may be there or not', String(report.unanswered_writes)],
    ['primary before', `${before.primary}, epoch ${before.epoch}`],
    ['primary after', after === null ? 'unknown' : `${after.primary}, epoch ${after.epoch}`],
    ['writer', drill.writer ?? ''],
  ];
}

function secondsText(ms: number): string {
  return `+${(ms / 1_000).toFixed(3)} s`;
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' };
  return text.replaceAll(/[&<>"']/g, (character) => `&${names[character]};`);
}
