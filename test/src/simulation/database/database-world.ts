// What a simulated database needs of the world around it, and what it tells it.
import type { Random, Timeline } from 'raft-ts/simulation';
import type { Network } from '../network.ts';
import type { Volume } from '../volume.ts';
import type { LogRecord } from './data-directory.ts';

/** Milliseconds, and chances. */
export interface DatabaseHabits {
  readonly startMs: number;
  readonly fsyncMs: number;
  /** Until a process of the server reads changed settings, at most. */
  readonly reloadMs: number;
  /** How likely replay stands still for a while, at each batch. */
  readonly replayStallChance: number;
  readonly copyMs: number;
  /** How likely a stream that breaks leaves a part of a record. */
  readonly partialChance: number;
}

export interface DatabaseWatcher<Server> {
  /** A client was told that its write is committed. */
  acknowledged(record: LogRecord, server: Server): void;
  /** A client has been shown these. */
  wasRead(records: readonly LogRecord[], server: Server): void;
  promoted(server: Server, timeline: number): void;
}

export interface DatabaseWorld<Server> {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly network: Network;
  readonly habits: DatabaseHabits;
  readonly watcher: DatabaseWatcher<Server>;
  trace(what: string): void;
  /** The server that listens at an address now. */
  serverAt(address: string): Server | undefined;
  /** Where an address is. */
  placeOf(address: string): string;
  nextSystemId(): string;
}

/** The machine that a server runs on. */
export interface DatabaseHost {
  readonly memberId: string;
  readonly address: string;
  readonly place: string;
  readonly volume: Volume;
  nextPid(): number;
  /** Whether what it says gets out to a client now. */
  letsOut(): boolean;
  /** How much slower than usual its disk is. */
  readonly diskSlowness: number;
  /** Whether a crash may leave some of what was not synced. */
  readonly keepsUnsynced: boolean;
}
