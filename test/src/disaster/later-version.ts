// What a later version of the gateway could be: every entry has a new kind, because its meaning has changed. It is
// written only where all peers announce it; elsewhere the old kind still does, except for deletes, which this version
// cannot express in the old way any more.
import { appendFileSync } from 'node:fs';
import { KindNotAnnouncedError, Raft } from 'raft-ts';

interface AnyEntry {
  kind: string;
}

/** What its peers announce. */
const ANNOUNCED = 'later';
const SUFFIX = '.later';
const ONLY_LATER = 'cluster.unwanted';

/** Each applied entry of a new kind is a line in the file. */
export async function becomeLaterVersion(file: string): Promise<void> {
  // They are private to the gateway: nothing but a patch comes at them.
  const state = (name: string) => import(new URL(`../../../gateway/dist/state/${name}.js`, import.meta.url).href);
  const { ANNOUNCED_KINDS } = (await state('entries')) as { ANNOUNCED_KINDS: string[] };
  ANNOUNCED_KINDS.push(ANNOUNCED);

  const { Federation } = (await state('federation')) as {
    Federation: { prototype: { apply: (entry: AnyEntry) => unknown } };
  };
  const { apply } = Federation.prototype;
  Federation.prototype.apply = function applyLater(entry) {
    if (entry.kind.endsWith(SUFFIX)) {
      appendFileSync(file, `${entry.kind}\n`);
      entry.kind = entry.kind.slice(0, -SUFFIX.length);
    }
    return apply.call(this, entry);
  };

  const { propose } = Raft.prototype;
  Raft.prototype.propose = async function proposeLater(data, options) {
    const entry = JSON.parse(Buffer.from(data).toString('utf8')) as AnyEntry;
    try {
      const later = Buffer.from(JSON.stringify({ ...entry, kind: entry.kind + SUFFIX }));
      return await propose.call(this, later, { ...options, kind: ANNOUNCED });
    } catch (error) {
      if (!(error instanceof KindNotAnnouncedError) || entry.kind === ONLY_LATER) throw error;
      return propose.call(this, data, options);
    }
  };
}
