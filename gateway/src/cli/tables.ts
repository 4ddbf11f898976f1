// Tables with borders of plain characters, which survive a mail, a ticket and every font.
import Table from 'cli-table3';

const BORDERS = {
  top: '-',
  'top-mid': '+',
  'top-left': '+',
  'top-right': '+',
  bottom: '-',
  'bottom-mid': '+',
  'bottom-left': '+',
  'bottom-right': '+',
  left: '|',
  'left-mid': '+',
  mid: '-',
  'mid-mid': '+',
  right: '|',
  'right-mid': '+',
  middle: '|',
} as const;

export type Cell = string | number | null | undefined;

/** Rows under a head. */
export function renderTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({ head: [...head], chars: BORDERS, style: { head: [], border: [] } });
  table.push(...rows.map((row) => row.map(cellText)));
  return withoutRules(table.toString());
}

/** One thing, a field a line. Fields without a value are left out. */
export function renderFields(fields: readonly (readonly [string, Cell])[]): string {
  const shown = fields.filter(([, value]) => value !== undefined && value !== null && value !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function cellText(cell: Cell): string {
  return cell === undefined || cell === null || cell === '' ? '-' : String(cell);
}

/** A rule below every row would double the height: it stays at the top, below the head, and at the end. */
function withoutRules(text: string): string {
  const lines = text.split('\n');
  return lines.filter((line, index) => !line.startsWith('+') || index <= 2 || index === lines.length - 1).join('\n');
}
