// What the agent asks of an engine. A driver talks to one member's server, and is the only one that starts it: what is
// on disk while the server does not run is never a primary, nor has it an upstream.
import type { Accounts } from './accounts.ts';
import type { Position } from './definition.ts';
import type { Files } from './durable-files.ts';
import type { ParameterValues } from './parameters.ts';
import type { OpenSession } from './session.ts';

/** Time as an argument. */
export interface DriverClock {
  now(): Date;
  monotonicMs(): number;
  after(delayMs: number, call: () => void): { cancel(): void };
}

/** A program to run: a path and its arguments, never a line for a shell. */
export interface Program {
  readonly path: string;
  readonly arguments: readonly string[];
  /** The folder to run in. Who still writes into a data directory is found by it. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedProgram {
  readonly pid: number;
  readonly exited: Promise<void>;
}

/** The operating system's processes, as the user who owns the database. */
export interface Processes {
  /** Runs a program to its end; it is killed after `timeoutMs`. */
  run(program: Program, timeoutMs: number): Promise<ProgramResult>;
  /** Runs a program to its end and gives what it writes to stdout. It fails when the program does. Not where it is simulated. */
  read?(program: Program): AsyncIterable<Uint8Array>;
  /** Runs a program to its end on what it is to read from stdin. Not where it is simulated. */
  write?(program: Program, input: AsyncIterable<Uint8Array>): Promise<ProgramResult>;
  /** Starts a program that outlives this process; what it writes is appended to `logFile`. */
  start(program: Program, logFile: string): Promise<StartedProgram>;
  /** The living processes (no zombies) that run in this folder. */
  inFolder(folder: string): Promise<number[]>;
  /** True when this process lives, runs in that folder, and is that program. */
  isRunning(pid: number, folder: string, programName: string): Promise<boolean>;
  /** False when there is no such process. */
  signal(pid: number, signal: NodeJS.Signals): boolean;
}

/** Where an engine's programs are. */
export interface Engine {
  readonly version: string;
  /** The folder of the programs. */
  readonly bin: string;
  /** Where the loader finds their libraries, when that is not where the system has them. */
  readonly libraryPath: string | null;
  /** An archive of what a new database is made of; without it, it is made each time. */
  readonly template?: string | undefined;
}

/** Who runs the database: undefined ids when that is ourselves. */
export interface DatabaseOwner {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** The name of the user that this process itself runs as. */
  readonly agentUser: string;
}

export interface DriverLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface DriverOptions {
  readonly clusterId: string;
  readonly memberId: string;
  readonly region: string;
  /** The DNS name in its certificate. */
  readonly serverName: string;
  readonly engine: Engine;
  /** The member's volume; a driver has folders in it of its own. */
  readonly volume: string;
  /** A short folder for Unix sockets. */
  readonly runFolder: string;
  readonly address: string;
  /** Where clients dial. */
  readonly port: number;
  /**
   * Where the server itself listens, for the other members: `port`, or beside it in an asynchronous cluster, whose
   * clients come in through the door. They come from `address` then, and nobody else but the members may come in here.
   */
  readonly serverPort: number;
  /** Of the guest; null when it is not known. */
  readonly memoryMib: number | null;
  readonly owner: DatabaseOwner;
  readonly clock: DriverClock;
  readonly processes: Processes;
  readonly files: Files;
  /** Another member's `copyOut`, by way of its agent. Absent where there are no agents. */
  readonly fetchCopy?: (source: Upstream) => AsyncIterable<Uint8Array>;
  /** Begins a connection to a server of the engine. */
  readonly session: OpenSession;
  /** What the driver of another member of the cluster shares, asked over mutual TLS. */
  readonly shareOf?: (member: Upstream) => Promise<string>;
  readonly log: DriverLog;
  /** What the server begins with, until `configure` says another. */
  readonly parameters?: ParameterValues;
}

/** Another member, as one dials it. */
export interface Upstream {
  readonly memberId: string;
  readonly address: string;
  /** Of its server, where it is copied or followed; of its clients, where a drill writes. */
  readonly port: number;
  /** The DNS name in its certificate. */
  readonly serverName: string;
}

/**
 * Who has a commit before it is acknowledged: the primary and any `acknowledgements` of the other voters. In an
 * asynchronous cluster a driver is told of 0: it leads and opens without anybody, and the agent sees to the rest.
 */
export interface CommitRule {
  readonly voters: readonly string[];
  readonly acknowledgements: number;
  readonly generation: number;
  /** The agent's, which counts it; a driver has no use for it. */
  readonly lease?: LeaseRule | undefined;
}

/** Who lets a primary acknowledge by itself, and how old what too few have confirmed may become. */
export interface LeaseRule {
  /** The agents of these, the primary's own among them. */
  readonly grantors: readonly Upstream[];
  readonly rpoSeconds: number;
}

/** The tenant's first user; the verifier is what the engine keeps of a password. */
export interface Admin {
  readonly name: string;
  readonly verifier: string;
  readonly generation: number;
}

export interface PrimaryRole {
  readonly kind: 'primary';
  readonly epoch: number;
  readonly rule: CommitRule;
  readonly peers: readonly Upstream[];
  readonly admin: Admin | null;
}

export interface ReplicaRole {
  readonly kind: 'replica';
  readonly epoch: number;
  readonly generation: number;
  readonly upstream: Upstream;
}

export type Role = PrimaryRole | ReplicaRole;

/** A member that copies this one, as the database itself says. */
export interface Stream {
  readonly memberId: string;
  readonly epoch: number;
  readonly generation: number;
  readonly isStreaming: boolean;
  readonly lagBytes: number;
  readonly countsForCommit: boolean;
}

/**
 * How far a primary's log has come at one moment, and how far each member that copies it has confirmed it by then. All
 * that was acknowledged before the question is at or before `position`; of what a member has confirmed it never goes
 * back, unless it is copied anew. What confirmed means is the engine's: flushed, or only received.
 */
export interface Progress {
  readonly position: Position;
  readonly confirmed: readonly { readonly memberId: string; readonly position: Position }[];
}

/** What a replica hears of the primary that it follows. */
export interface Hearing {
  /** A receiver is connected; it may be so long after the last message came. */
  readonly isStreaming: boolean;
  /** Since the last message, or since the replica began to listen. */
  readonly silentMs: number;
}

export interface ProbeResult {
  readonly isUp: boolean;
  readonly isOpen: boolean;
  /** Undefined where nobody is followed. */
  readonly hearing: Hearing | undefined;
  readonly position: Position | undefined;
  readonly streams: readonly Stream[];
  readonly serverVersion: string;
  /** Why it is not up, in a sentence. */
  readonly detail: string;
  /** The agent's: for how long answers go out yet, and the age of what too few have confirmed. */
  readonly lease?: {
    readonly leftMs: number;
    readonly unconfirmedMs?: number;
    readonly isGranted: boolean;
    /** The database is well, and only the bound keeps it from acknowledging. */
    readonly isWaiting: boolean;
  };
  /** Where the engine rules itself: it leads there. */
  readonly leads?: boolean;
  /** A primary that will not be started again by itself, for others have more than it: one of them is to lead. */
  readonly isGivenUp?: boolean;
}

/** What a TLS server shows and trusts, PEM. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly root: string;
}

export type DriverErrorCode = 'refused' | 'unavailable' | 'failed';

/** What can happen to an honest caller of a driver. */
export class DriverError extends Error {
  override readonly name: string = 'DriverError';
  /** `refused`: as things are, never; `unavailable`: perhaps later; `failed`: the engine did not do it. */
  readonly code: DriverErrorCode;

  constructor(code: DriverErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What a log holds beyond the point at which another's left it. */
export interface Tail {
  readonly bytes: number;
  /** Committed there; undefined when they could not be counted. */
  readonly transactions: number | undefined;
}

/** A tail, and the folder in which it is kept, from the volume on; without one there was nothing to keep, or no room. */
export interface KeptTail extends Tail {
  /** From its first commit to its last; absent where the engine does not tell when it committed. */
  readonly seconds?: number;
  readonly folder: string | null;
}

/** A log that can never go on with that of its upstream: the member must be rewound, or seeded anew. */
export class DivergedError extends DriverError {
  override readonly name = 'DivergedError';
  readonly tail: Tail;

  constructor(message: string, tail: Tail) {
    super('refused', message);
    this.tail = tail;
  }
}

export interface DrillClientOptions {
  readonly drillId: string;
  /** Those that may take writes. */
  readonly members: readonly Upstream[];
  /** The own member's. */
  readonly certificate: ServerCertificate;
}

/** A connection to the member that takes writes, as a tenant's client has it. */
export interface DrillClient {
  /** In a transaction of its own. False: the cluster has not acknowledged it. @throws when no answer came */
  write(number: number): Promise<boolean>;
  /** All that are there, and how often. */
  numbers(): Promise<ReadonlyMap<number, number>>;
  /** Removes all that the drill has written. */
  remove(): Promise<void>;
  close(): void;
}

/** What every driver does for one member's server, whatever rules its cluster. Everything may be repeated. */
export interface ServerDriver {
  installCertificate(certificate: ServerCertificate): Promise<void>;
  /**
   * From now on a server begins with these. What needs no restart comes into force on one that runs; whoever asks sees to
   * the rest. @throws DriverError `refused`, with those of before in force, when the engine does not take them
   */
  configure(parameters: ParameterValues): Promise<void>;
  /**
   * Makes users and databases with what is granted, and removes those that shall be gone; what is not named is left
   * alone. @throws DriverError
   */
  setAccounts(accounts: Accounts): Promise<void>;
  probe(): Promise<ProbeResult>;
  /** What the other members need to know that the engine does not copy by itself; absent: nothing. It may be secret. */
  share?(): Promise<string>;
  /**
   * The primary's data as they are now, for the `seed` of another member; whole when it ends without an error. Absent
   * where the engine is copied by its own connections.
   */
  copyOut?(): AsyncIterable<Uint8Array>;
  /** Stops the server; afterwards it is at rest. */
  stop(): Promise<void>;
  /** Ends the server and all that belongs to it at once, as a power cut does. Nothing is written any more. */
  cutPower(): Promise<void>;
  /** True while the server's process lives. */
  isRunning(): boolean;
  /** Calls when the server's process ended without being asked. */
  onCrash(call: () => void): void;
  /** Lets go of a running server without stopping it. */
  release(): Promise<void>;
}

/**
 * One member's server. Calls that change something are made one at a time; `probe`, `tryOpen`, `progress`
 * and `isFollowing` may run beside them. Everything may be repeated.
 */
export interface Driver extends ServerDriver {
  /** Keeps a server that already runs, or sees that what lies on disk is at rest. True when one runs. */
  recover(role: Role | null): Promise<boolean>;
  /** Makes an empty data directory, at rest; what was in it before is gone. */
  initialise(): Promise<void>;
  /** Copies the primary's data in place of what was there, at rest. Answers where the copy ends. */
  seed(source: Upstream): Promise<Position>;
  /**
   * Leads an epoch: promotes what is not yet its primary, with the client door shut. One that runs takes a new rule and
   * serves on: when this answers, no commit is acknowledged by the old rule any more. What is in force is left alone.
   */
  lead(role: PrimaryRole): Promise<Position>;
  /** Opens the client door when the rule's voters have flushed what this primary began with. True when it is open. */
  tryOpen(): Promise<boolean>;
  /**
   * How far this primary's log has been confirmed, asked several times a second: asynchronous clusters only. Undefined
   * while it does not lead.
   */
  progress(): Promise<Progress | undefined>;
  /** True once the voters of exactly this rule have flushed what was written after it came into force. */
  hasQuorum(rule: { readonly epoch: number; readonly generation: number }): Promise<boolean>;
  /**
   * Keeps on the volume what this log holds beyond the point at which the epoch of `source` left it; nothing else is
   * changed, and a repeat finds what is kept. Undefined when this log goes on with it. With `mustKeep` it is refused
   * while there is no room; else the tail is only counted then.
   */
  saveTail(
    source: Upstream,
    options: { readonly epoch: number; readonly mustKeep: boolean },
  ): Promise<KeptTail | undefined>;
  /**
   * Takes the data back to the point at which the epoch of `source` left this log, and brings what was changed there
   * since; at rest. The data are whole when this answers, and worthless when it is broken off or fails.
   */
  rewind(source: Upstream, epoch: number): Promise<Position>;
  /** Follows a primary; does not wait for it. @throws DivergedError */
  follow(role: ReplicaRole): Promise<void>;
  /**
   * Where this replica is, once it streams from its upstream under its name of this epoch and generation.
   * @throws DivergedError when its log can never go on with that of its upstream
   */
  isFollowing(): Promise<Position | undefined>;
  /** True once this replica has flushed all that its primary held when this was first asked after `follow`. */
  hasCaughtUp(): Promise<boolean>;
  /**
   * Leaves whatever role it has: a primary's server ends, and with it every session that waits; a replica receives from
   * nobody. Answers, when the local log is replayed to its end, where that is. The server may run on, as a standby
   * without upstream.
   */
  withdraw(): Promise<Position>;
}
