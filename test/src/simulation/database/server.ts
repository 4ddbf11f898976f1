// A model of PostgreSQL 15, as far as it matters to who is primary: a postmaster with processes that each read changed
// settings in a time of their own, a log that is shipped when it is flushed, replay behind receipt, commits that wait for
// acknowledgements counted by name, and all of the log made visible by a restart or a promotion.
import { SimulatedProcess } from '../process.ts';
import { DATA, WAL } from '../volume.ts';
import { Commits } from './commits.ts';
import {
  type DataDirectory,
  historyName,
  type LogRecord,
  type RecordKind,
  readHistory,
  writeLsn,
} from './data-directory.ts';
import type { DatabaseHost, DatabaseWorld } from './database-world.ts';
import { Receiver } from './receiver.ts';
import { Senders } from './senders.ts';
import { isDoorOpen, readSettings, type ServerSettings } from './settings.ts';

/** `wal_retrieve_retry_interval`, as our settings have it. */
const RETRIEVE_RETRY_MS = 100;
const STALL_MS = [100, 2_500] as const;
/** A fast stop waits so long for a replica that says nothing. */
const STOP_PATIENCE_MS = 3_000;

/** The world as all servers share it. */
export type ServersWorld = DatabaseWorld<DatabaseServer>;

export type ServerState = 'starting' | 'recovery' | 'primary' | 'stopping' | 'ended';

export class DatabaseServer {
  readonly host: DatabaseHost;
  readonly world: ServersWorld;
  readonly process: SimulatedProcess;
  readonly pid: number;
  readonly configFile: string;
  readonly hbaFile: string;
  readonly senders: Senders;
  readonly commits: Commits;
  state: ServerState = 'starting';
  /** The postmaster's, which new processes inherit. */
  settings: ServerSettings;
  isDoorOpen = false;
  settingsReadMs = 0;
  receiver: Receiver | undefined;
  /** So many records are replayed. */
  replayed = 0;
  /** The timeline that is written on, or that recovery aims at. */
  timeline = 1;
  readonly objects = new Set<string>();
  /** Until then replay stands still, if anything is left to be replayed. */
  stalledUntilMs = 0;
  /** How many times records that do not fit were received. */
  misfits = 0;
  #data: DataDirectory | undefined;
  #complaint = '';
  #isFlushing = false;
  #isReplaying = false;
  #isReceiverUnwanted = false;
  #isReceiverDue = false;
  readonly #exited: Promise<void>;
  #exit: () => void = () => undefined;

  constructor(host: DatabaseHost, world: ServersWorld, configFile: string) {
    this.host = host;
    this.world = world;
    this.configFile = configFile;
    this.hbaFile = configFile.replace('postgresql.conf', 'pg_hba.conf');
    this.pid = host.nextPid();
    this.process = new SimulatedProcess(`db:${host.memberId}:${this.pid}`, `${host.place}/db`, world.timeline);
    this.settings = readSettings(host.volume.files.get(configFile) ?? '');
    this.senders = new Senders(this);
    this.commits = new Commits(this);
    this.#exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    host.volume.files.set(`${DATA}/postmaster.pid`, `${this.pid}\n${DATA}\n`);
    const { random, habits } = world;
    this.after(habits.startMs * random.between(0.5, 2), () => this.#begin());
  }

  get exited(): Promise<void> {
    return this.#exited;
  }

  get data(): DataDirectory {
    if (this.#data === undefined) throw new Error('The server has no data.');
    return this.#data;
  }

  get isAccepting(): boolean {
    return this.state === 'recovery' || this.state === 'primary';
  }

  get isRecovering(): boolean {
    return this.state === 'recovery';
  }

  /** What is complained of again and again is told once. */
  complain(what: string): void {
    if (what !== this.#complaint) this.trace(what);
    this.#complaint = what;
  }

  trace(what: string): void {
    this.world.trace(`db ${this.host.memberId} ${what}`);
  }

  after(delayMs: number, act: () => void): void {
    this.process.clock.after(delayMs, () => {
      if (this.state !== 'ended') act();
    });
  }

  /** What shall be read soon, by one of the server's processes. */
  #readLater(act: (settings: ServerSettings) => void): void {
    this.after(this.world.random.next() ** 3 * this.world.habits.reloadMs, () => act(this.readFiles()));
  }

  readFiles(): ServerSettings {
    return readSettings(this.host.volume.files.get(this.configFile) ?? '');
  }

  #begin(): void {
    const { volume } = this.host;
    this.#data = volume.data;
    if (this.#data === undefined || !volume.files.has(`${DATA}/PG_VERSION`)) {
      this.fail('no data directory');
      return;
    }
    this.settings = this.readFiles();
    this.isDoorOpen = isDoorOpen(volume.files.get(this.hbaFile) ?? '');
    this.settingsReadMs = this.world.timeline.nowMs;
    const { data } = this;
    const isStandby = volume.files.has(`${DATA}/standby.signal`);
    this.timeline = isStandby ? this.newestTimeline(data.timeline) : data.timeline;
    if (isStandby && !this.#isInHistory()) {
      this.fail(`timeline ${this.timeline} is not a child of its history`);
      return;
    }
    for (const record of data.records) if (record.kind === 'object') this.objects.add(record.content);
    if (isStandby) this.#beginRecovery();
    else this.#beginPrimary('started');
  }

  /** Whether the timeline that recovery aims at goes on from where this log is. */
  #isInHistory(): boolean {
    const { records, timeline: own } = this.data;
    const history = this.historyOf(this.timeline);
    const goesOn = (timeline: number, end: number): boolean =>
      timeline === this.timeline || history.some((left) => left.timeline === timeline && left.end >= end);
    return goesOn(own, 0) && records.every(({ timeline, end }) => goesOn(timeline, end));
  }

  historyOf(timeline: number): { readonly timeline: number; readonly end: number }[] {
    return readHistory(this.host.volume.files.get(`${WAL}/${historyName(timeline)}`) ?? '');
  }

  /** As PostgreSQL looks for it: the last in a row of history files. */
  newestTimeline(from: number): number {
    let newest = from;
    while (this.host.volume.files.has(`${WAL}/${historyName(newest + 1)}`)) newest += 1;
    return newest;
  }

  #beginRecovery(): void {
    this.state = 'recovery';
    this.trace(`recovers towards timeline ${this.timeline}`);
    this.replayed = Math.max(0, this.data.records.length - this.world.random.below(20));
    this.replay();
  }

  /** All that is in the log is visible from here on, whoever has acknowledged it. */
  #beginPrimary(how: string): void {
    const { data } = this;
    this.state = 'primary';
    this.replayed = data.records.length;
    this.commits.begin(data.records.length, this.settings);
    this.trace(`${how} as primary on timeline ${this.timeline} with ${writeLsn(data.endOf(data.records.length))}`);
  }

  /** Replays what is flushed, in batches; then the receiver is ended or begun, as the settings say. */
  replay(): void {
    if (this.#isReplaying || this.state !== 'recovery') return;
    const { random, habits } = this.world;
    if (this.replayed >= this.data.flushed) {
      this.#awaitMore();
      return;
    }
    this.#isReplaying = true;
    const target = this.data.flushed;
    const isStalled = random.chance(habits.replayStallChance);
    const stallMs = Math.max(
      isStalled ? random.between(...STALL_MS) : 0,
      this.stalledUntilMs - this.world.timeline.nowMs,
    );
    this.after(stallMs > 0 ? stallMs : random.between(0.2, 3), () => {
      this.#isReplaying = false;
      if (this.state !== 'recovery') return;
      for (const record of this.data.records.slice(this.replayed, target)) {
        if (record.kind === 'object') this.objects.add(record.content);
        this.data.timeline = Math.max(this.data.timeline, record.timeline);
      }
      this.replayed = target;
      this.senders.pump();
      this.replay();
    });
  }

  /** Nothing is left to be replayed. */
  #awaitMore(): void {
    if (this.#isReceiverUnwanted) {
      this.#isReceiverUnwanted = false;
      this.receiver?.end('its settings have changed');
    }
    if (this.receiver !== undefined || this.#isReceiverDue) return;
    this.#isReceiverDue = true;
    this.after(RETRIEVE_RETRY_MS * this.world.random.between(0.1, 1), () => {
      this.#isReceiverDue = false;
      if (this.state !== 'recovery' || this.receiver !== undefined || this.replayed < this.data.flushed) return;
      // Whoever asks for a stream has read the settings before.
      const settings = this.readFiles();
      this.settings = settings;
      this.#rescanTimelines();
      if (settings.upstream !== undefined) this.receiver = new Receiver(this, settings);
    });
  }

  /** A newer timeline is taken for the goal if it goes on from here. */
  #rescanTimelines(): void {
    const newest = this.newestTimeline(this.timeline);
    if (newest === this.timeline) return;
    const left = this.historyOf(newest).find(({ timeline }) => timeline === this.timeline);
    const end = this.data.endOf(this.replayed);
    if (left === undefined || left.end < end) {
      this.complain(`cannot go over to timeline ${newest}`);
      return;
    }
    this.timeline = newest;
    if (this.data.partial !== undefined && this.data.partial.timeline !== newest) this.data.partial = undefined;
  }

  receiverEnded(): void {
    this.receiver = undefined;
    this.replay();
  }

  /** True when everything that is here is replayed and nobody sends more. */
  get isIdle(): boolean {
    return this.state === 'recovery' && this.receiver === undefined && this.replayed >= this.data.flushed;
  }

  write(kind: RecordKind, content: string): LogRecord {
    const record = this.data.append(kind, content, this.timeline, this.host.memberId);
    this.replayed = this.data.records.length;
    this.flush();
    return record;
  }

  /** Makes what was written durable; what a commit or a replica waits for goes on then. */
  flush(): void {
    if (this.#isFlushing) return;
    const { random, habits } = this.world;
    const { data } = this;
    const target = data.records.length;
    if (data.flushed >= target) return;
    this.#isFlushing = true;
    this.after(habits.fsyncMs * this.host.diskSlowness * random.between(0.5, 1.5), () => {
      this.#isFlushing = false;
      data.flushed = Math.max(data.flushed, Math.min(target, data.records.length));
      this.commits.flushed();
      this.receiver?.flushed();
      this.senders.pump();
      this.replay();
      this.flush();
    });
  }

  /** The postmaster reads its files, and tells its children to. */
  reload(): void {
    this.after(this.world.random.between(0.5, 8), () => {
      // What starts reads its files when it begins.
      if (this.#data === undefined) return;
      const before = this.settings;
      this.settings = this.readFiles();
      this.isDoorOpen = isDoorOpen(this.host.volume.files.get(this.hbaFile) ?? '');
      this.settingsReadMs = this.world.timeline.nowMs;
      this.senders.reload((act) => this.#readLater(act));
      this.#readLater((settings) => this.commits.setSynchronous(settings));
      if (this.state !== 'recovery') return;
      this.#readLater((settings) => {
        const isOther = settings.conninfo !== before.conninfo || settings.slot !== before.slot;
        if (!isOther || this.state !== 'recovery') return;
        this.#isReceiverUnwanted = true;
        // A receiver is ended only when everything that it brought has been replayed.
        this.replay();
      });
    });
  }

  /** Onto the timeline after the newest that is known. */
  promote(): void {
    this.after(this.world.random.between(5, 60), () => {
      if (this.state !== 'recovery') return;
      this.receiver?.end('promotion');
      if (this.replayed < this.data.flushed) return this.promote();
      const { data } = this;
      const parent = data.last?.timeline ?? this.timeline;
      const next = this.newestTimeline(this.timeline) + 1;
      const history = this.host.volume.files.get(`${WAL}/${historyName(parent)}`) ?? '';
      const line = `${parent}\t${writeLsn(data.endOf(data.records.length))}\tno recovery target specified\n`;
      this.host.volume.files.set(`${WAL}/${historyName(next)}`, `${history}${line}`);
      this.after(this.world.random.between(1, 30), () => {
        data.partial = undefined;
        this.timeline = next;
        data.append('first', '', next, this.host.memberId);
        data.timeline = next;
        this.host.volume.files.delete(`${DATA}/standby.signal`);
        this.#beginPrimary('promoted');
        this.world.watcher.promoted(this, next);
        this.flush();
      });
    });
  }

  signal(signal: string): void {
    if (signal === 'SIGHUP') this.reload();
    else if (signal === 'SIGINT') this.stopFast();
    else if (signal === 'SIGQUIT' || signal === 'SIGKILL') this.crash(signal);
  }

  /** Sessions end, a last record is written, and replicas that answer are sent all of it. */
  stopFast(): void {
    if (this.state === 'stopping' || this.state === 'ended') return;
    const wasPrimary = this.state === 'primary';
    this.state = 'stopping';
    this.commits.endSessions();
    this.receiver?.end('shutdown');
    if (this.#data === undefined || !wasPrimary) {
      this.after(this.world.random.between(5, 40), () => this.#end('stopped', true));
      return;
    }
    this.write('checkpoint', '');
    const beganMs = this.world.timeline.nowMs;
    const look = (): void => {
      const isFlushed = this.data.flushed >= this.data.records.length;
      const isLate = this.world.timeline.nowMs - beganMs > STOP_PATIENCE_MS;
      if (isFlushed && (isLate || this.senders.haveAll())) this.#end('stopped', true);
      else this.after(10, look);
    };
    this.after(10, look);
  }

  /** Ends at once: what was not flushed may be lost. */
  crash(why: string): void {
    if (this.state !== 'ended') this.#end(why, false);
  }

  fail(why: string): void {
    this.#end(`FATAL: ${why}`, false);
  }

  #end(why: string, isClean: boolean): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.trace(`ends: ${why}`);
    this.process.kill();
    if (isClean) this.host.volume.files.delete(`${DATA}/postmaster.pid`);
    else this.#data?.crash(this.world.random, this.host.keepsUnsynced);
    this.#exit();
  }
}
