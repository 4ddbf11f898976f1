import { posix } from 'node:path';
import test from 'ava';
import { documents, exists, read } from './repository.ts';

const DOORS = ['README.md', 'docs/architecture.md'];
const DECISION = /^docs\/decisions\/(\d{4})-[a-z0-9-]+\.md$/;

/** A document's lines that are prose: what stands in a code block is no heading and no link. */
function prose(name: string): string[] {
  let inCode = false;
  return read(name)
    .split('\n')
    .filter((line) => {
      if (/^\s*```/.test(line)) {
        inCode = !inCode;
        return false;
      }
      return !inCode;
    });
}

function headings(name: string): string[] {
  return prose(name).filter((line) => /^#{1,6} /.test(line));
}

/** The anchor that a code host gives a heading. */
function anchor(heading: string): string {
  return heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

interface Link {
  readonly target: string;
  readonly fragment: string | undefined;
}

/** Links to files of the repository, by names from its root. */
function links(name: string): Link[] {
  const text = prose(name)
    .join('\n')
    .replaceAll(/`[^`]*`/g, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', fragment] = target.split('#');
      return { target: path === '' ? name : posix.join(posix.dirname(name), path), fragment };
    });
}

test('every link in a document leads to a file, and to a heading of it', (t) => {
  const broken = documents().flatMap((name) =>
    links(name)
      .filter(({ target, fragment }) => {
        if (!exists(target)) return true;
        return fragment !== undefined && target.endsWith('.md') && !headings(target).map(anchor).includes(fragment);
      })
      .map(({ target, fragment }) => `${name} -> ${target}${fragment === undefined ? '' : `#${fragment}`}`),
  );

  t.deepEqual(broken, []);
});

test('every document has one title, on its first line', (t) => {
  const untitled = documents().filter((name) => {
    const titles = headings(name).filter((line) => line.startsWith('# '));
    return titles.length !== 1 || !read(name).startsWith('# ');
  });

  t.deepEqual(untitled, []);
});

test('every document is reached from the README or the architecture', (t) => {
  const reached = new Set<string>();
  const follow = (name: string): void => {
    if (reached.has(name) || !exists(name)) return;
    reached.add(name);
    if (!name.endsWith('.md')) return;
    for (const { target } of links(name)) follow(target);
  };
  for (const door of DOORS) follow(door);

  t.deepEqual(
    documents().filter((name) => !reached.has(name)),
    [],
  );
});

test('every decision record says its context, the decision and what follows', (t) => {
  const records = documents().filter((name) => name.startsWith('docs/decisions/') && !name.endsWith('/README.md'));
  const incomplete = records.filter((name) => {
    const sections = headings(name).filter((line) => line.startsWith('## '));
    return sections.join() !== ['## Context', '## Decision', '## Consequences'].join();
  });

  t.true(records.length > 0);
  t.deepEqual(incomplete, []);
});

test('decision records are numbered from 0001 without gaps', (t) => {
  const records = documents().filter((name) => name.startsWith('docs/decisions/') && !name.endsWith('/README.md'));

  t.deepEqual(
    records.map((name) => Number(DECISION.exec(name)?.[1])),
    records.map((_, index) => index + 1),
  );
});
