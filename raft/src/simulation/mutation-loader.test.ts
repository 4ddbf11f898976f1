import { readFileSync } from 'node:fs';
import test from 'ava';
import { mutants } from './mutants.ts';
import { applyEdit } from './mutation-loader.ts';

test('an edit finds its text once, whatever the white space', (t) => {
  const edit = { file: 'a.js', find: 'if (a) { b(); }', replace: 'c();' };
  t.is(applyEdit('x;\nif (a) {\n    b();\n}\ny;', edit), 'x;\nc();\ny;');
  t.throws(() => applyEdit('x;', edit), { message: /0 times/ });
  t.throws(() => applyEdit('if (a) { b(); } if (a) { b(); }', edit), { message: /2 times/ });
});

test('every mutant still has its place in the code', (t) => {
  for (const { name, edits } of mutants) {
    const sources = new Map<string, string>();
    for (const edit of edits) {
      const before = sources.get(edit.file) ?? readFileSync(new URL(`../${edit.file}`, import.meta.url), 'utf8');
      t.notThrows(() => sources.set(edit.file, applyEdit(before, edit)), name);
    }
  }
});
