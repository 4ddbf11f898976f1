// This member's part in drills: it writes as a client would and keeps which numbers were acknowledged and when, counts
// them afterwards, or dies. A drill is led by the gateway; here is only what must go on when no gateway lives.
import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DrillClient, DrillClientOptions } from '@argosy/datastores/drivers';
import { writeDurably } from '@argosy/datastores/drivers';
import { type Clock, type Peer, pause, type RehearseRequest, type RehearseResponse } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { CommandError } from './admission.ts';
import { type Blackout, keepDark } from './blackout.ts';
import { upstreamOf } from './roles.ts';
import { WriterRecord } from './writer-record.ts';

/** Between two writes. */
const BREATH_MS = 10;
/** Before it is looked again for who takes writes. */
const RETRY_MS = 20;
/** Leaves the answer to the call the time to go out. */
const LAST_WORD_MS = 50;
const MODE = 0o600;

export interface RehearsalParts {
  /** The agent's own, on the volume. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly connect: (options: Omit<DrillClientOptions, 'certificate'>) => Promise<DrillClient | undefined>;
  /** Ends database and agent at once. It never answers. */
  readonly cutPower: () => Promise<void>;
}

interface Writing {
  readonly drillId: string;
  readonly record: WriterRecord;
  members: readonly Peer[];
  isEnding: boolean;
  ended: Promise<void>;
  detail: string;
}

export class Rehearsal {
  readonly #parts: RehearsalParts;
  readonly #journal: string;
  #writing: Writing | undefined;

  constructor(parts: RehearsalParts) {
    this.#parts = parts;
    this.#journal = join(parts.folder, 'drill.log');
  }

  /** @throws CommandError */
  async take({ drillId, part }: RehearseRequest): Promise<RehearseResponse> {
    if (drillId === '') throw new CommandError(status.INVALID_ARGUMENT, 'The command names no drill.');
    switch (part?.$case) {
      case 'write':
        return await this.#write(drillId, part.value.members);
      case 'count':
        return await this.#count(drillId, part.value.members);
      case 'crash':
        return await this.#crash({ drillId, forMs: part.value.forMs });
      case 'leave':
        return await this.#leave(drillId, part.value.members);
      case undefined:
        throw new CommandError(status.INVALID_ARGUMENT, 'The command names no part in the drill.');
    }
  }

  async #write(drillId: string, members: readonly Peer[]): Promise<RehearseResponse> {
    const writing = await this.#resume(drillId, members);
    writing.members = members;
    return { writer: writing.record.report(writing.detail) };
  }

  async #count(drillId: string, members: readonly Peer[]): Promise<RehearseResponse> {
    const writing = await this.#resume(drillId, members);
    writing.isEnding = true;
    await writing.ended;
    writing.record.end();
    if (!writing.record.isCounted) {
      const client = await this.#connect(drillId, members);
      if (client === undefined) throw new CommandError(status.UNAVAILABLE, 'No member takes writes.');
      try {
        writing.record.count(await client.numbers());
      } finally {
        client.close();
      }
    }
    return { writer: writing.record.report('') };
  }

  async #leave(drillId: string, members: readonly Peer[]): Promise<RehearseResponse> {
    if (this.#writing?.drillId === drillId) {
      this.#writing.isEnding = true;
      await this.#writing.ended;
    }
    const client = await this.#connect(drillId, members);
    if (client === undefined) throw new CommandError(status.UNAVAILABLE, 'No member takes writes.');
    try {
      await client.remove();
    } finally {
      client.close();
    }
    await rm(this.#journal, { force: true });
    this.#writing = undefined;
    return { writer: undefined };
  }

  async #crash(blackout: Blackout): Promise<RehearseResponse> {
    const { clock, folder, log } = this.#parts;
    // A repeat that comes after the return of whoever died is none of a second death.
    if (!(await keepDark(folder, blackout, clock))) return { writer: undefined };
    log.warn({ drill: blackout.drillId, forMs: blackout.forMs }, 'A drill cuts the power.');
    void pause(clock, LAST_WORD_MS).then(() => this.#parts.cutPower());
    return { writer: undefined };
  }

  /** Goes on with what was written before a restart, or begins. */
  async #resume(drillId: string, members: readonly Peer[]): Promise<Writing> {
    if (this.#writing?.drillId === drillId) return this.#writing;
    if (this.#writing !== undefined) {
      this.#writing.isEnding = true;
      await this.#writing.ended;
    }
    const { clock } = this.#parts;
    const text = await readFile(this.#journal, 'utf8').catch(() => '');
    const isSame = text.startsWith(`${drillId}\n`);
    if (!isSame) await writeDurably(this.#journal, `${drillId}\n`, { mode: MODE });
    const record = WriterRecord.of(isSame ? text : '', clock);
    const writing: Writing = { drillId, record, members, isEnding: false, ended: Promise.resolve(), detail: '' };
    this.#writing = writing;
    writing.ended = this.#run(writing);
    return writing;
  }

  async #run(writing: Writing): Promise<void> {
    const { clock, log } = this.#parts;
    log.info({ drill: writing.drillId }, 'A drill writes.');
    while (!writing.isEnding) {
      const client = await this.#connect(writing.drillId, writing.members);
      if (client === undefined) {
        writing.detail = 'No member takes writes.';
        await pause(clock, RETRY_MS);
        continue;
      }
      try {
        while (!writing.isEnding && !writing.record.isFull) await this.#writeOne(client, writing);
      } catch (error) {
        writing.detail = error instanceof Error ? error.message : String(error);
      }
      client.close();
      if (writing.record.isFull) return;
    }
  }

  async #writeOne(client: DrillClient, writing: Writing): Promise<void> {
    const { clock } = this.#parts;
    const number = writing.record.begin();
    const isAcknowledged = await client.write(number);
    writing.detail = '';
    if (isAcknowledged) {
      writing.record.acknowledge(number);
      await appendFile(this.#journal, `${number} ${clock.now().getTime()}\n`, { mode: MODE });
    }
    await pause(clock, BREATH_MS);
  }

  async #connect(drillId: string, members: readonly Peer[]): Promise<DrillClient | undefined> {
    return await this.#parts.connect({ drillId, members: members.map(upstreamOf) });
  }
}
