// What is done to a cluster whose engine rules itself, with a writer beside it: the same for each such engine.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TenantFixture } from '@argosy/datastores/contract';
import { NumberWriter } from '../continuity/number-writer.ts';
import type { Trial } from '../continuity/trial.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';

const WRITES = 20;
const NOTICED_LIMIT_MS = 60_000;
/** All that can be done to it, in some minutes; else what a short test has time for. */
export const isLong = process.env.ARGOSY_TESTS === 'long';

export class RuledTrial {
  readonly #trial: Trial;
  readonly #writer: NumberWriter;

  private constructor(trial: Trial, writer: NumberWriter) {
    this.#trial = trial;
    this.#writer = writer;
  }

  /** Three members in three regions, each of which takes writes unless it has no data, and a writer that goes on. */
  static async begin(trial: Trial, fixture: TenantFixture | undefined): Promise<RuledTrial> {
    trial.t.is(new Set(trial.made.members.map(({ region }) => region)).size, 3);
    const roles = trial.made.members.map(({ kind, role }) => [kind, role]);
    trial.t.true(
      roles.every(([kind, role]) => role === (kind === 'arbiter' ? 'arbiter' : 'primary')),
      roles.join(' '),
    );
    const writer = new NumberWriter(trial, fixture);
    await writer.write(WRITES);
    return new RuledTrial(trial, writer);
  }

  async changes(what: string, ...words: readonly string[]): Promise<void> {
    await this.#trial.changes(this.#writer, WRITES, what, ...words);
  }

  /** A change after which there are so many members. */
  async sizes(count: number, ...words: readonly string[]): Promise<void> {
    await this.changes(words[1] ?? '', ...words);
    this.#trial.t.is((await this.#trial.cluster()).members.length, count);
  }

  async losesARegion(kind = 'voter'): Promise<void> {
    const { members } = await this.#trial.cluster();
    const beforeMs = performance.now();
    const lost = members.slice(1).find((member) => member.kind === kind);
    const giveBack = this.#trial.guests.cutRegion(lost?.region ?? '');
    await this.#writer.write(WRITES);
    this.#trial.t.log(
      `region of a ${kind} lost: longest pause ${Math.round(this.#writer.longestPauseMs(beforeMs))} ms`,
    );
    // Else it could be taken for whole before anybody has seen that it is not, and the next loss be one too many.
    const isNoticed = async (): Promise<boolean> =>
      (await this.#trial.cluster()).members.some(({ status }) => status !== 'UP');
    await waitUntil('the loss is noticed', NOTICED_LIMIT_MS, isNoticed);
    giveBack();
    await this.#trial.whole();
  }

  /** It never comes back, or its guest does with nothing on its volume: another takes its place. */
  async replacesOne(how: 'dead' | 'empty', kind = 'voter'): Promise<void> {
    const { t, home, guests, name } = this.#trial;
    const before = (await this.#trial.cluster()).members;
    const { id: lost = '', region = '' } = before.find((member) => member.kind === kind) ?? {};
    const giveBack = guests.cutPower(({ memberId }) => memberId === lost);
    if (how === 'empty') {
      const volume = volumeOf(join(home, 'volumes', region), lost);
      for (const each of readdirSync(volume)) rmSync(join(volume, each), { recursive: true });
      giveBack();
    }
    await this.changes(`replace, ${kind}, ${how}`, 'cluster', 'replace', name, '--member', lost);
    const { members } = await this.#trial.cluster();
    t.is(members.length, before.length);
    t.false(members.some(({ id }) => id === lost));
  }

  /** `before` is done to their volumes while they are off. */
  async losesAllAtOnce(before: (volume: string) => void = () => undefined): Promise<void> {
    const { t, home, guests, made } = this.#trial;
    const { members } = await this.#trial.cluster();
    const beforeMs = performance.now();
    const giveBack = guests.cutPower(({ memberId }) => memberId?.startsWith(made.id) === true);
    for (const { id, region } of members) before(volumeOf(join(home, 'volumes', region), id));
    giveBack();
    await this.#writer.write(WRITES);
    t.log(
      `all members lost and given back: ${Math.round(performance.now() - beforeMs)} ms until ${WRITES} writes more`,
    );
    await this.#trial.whole();
  }

  /** Every acknowledged write is with every member; then the cluster is deleted. */
  async ends(): Promise<void> {
    await this.#writer.end();
    this.#trial.t.deepEqual(await this.#writer.missing(), []);
    this.#trial.t.log(`${this.#writer.acknowledged.length} acknowledged writes, 0 lost`);
    await this.#trial.ends();
  }
}

function volumeOf(volumes: string, memberId: string): string {
  const isOurs = (name: string): boolean =>
    readFileSync(join(volumes, name, 'agent/state.json'), 'utf8').includes(`"${memberId}"`);
  const volume = readdirSync(volumes).find(isOurs);
  if (volume === undefined) throw new Error(`${memberId} has no volume.`);
  return join(volumes, volume);
}
