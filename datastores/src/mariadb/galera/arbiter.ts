// The driver of a member without data: Galera's own arbiter votes in the group, and holds nothing. It answers no questions:
// that it has come into a majority it notes itself, and whether it is in one is asked of the members that are. It goes on
// alone when the others have left one after the other; then nobody could come back to it, for it has nothing to tell them,
// and so it begins anew.
import { join } from 'node:path';
import {
  DriverError,
  type DriverOptions,
  type ProbeResult,
  type Program,
  type ServerCertificate,
  type Upstream,
} from '../../driver.ts';
import { PlainServer } from '../../plain-server.ts';
import type { RuledDriver } from '../../ruled-driver.ts';
import { MemberFiles } from '../member-files.ts';
import { arbiterArguments, serverNameIn } from './config.ts';
import { enterBy } from './entering.ts';
import { asArbiter, askForVouching, askGroup, othersWithData, type Vouching } from './group.ts';
import { groupLayoutOf, type Layout } from './layout.ts';
import { result } from './probe.ts';
import { Record } from './record.ts';
import { isOfOneAlone } from './view-file.ts';

const PROGRAM = 'garbd';
const COMPLAINTS = /(ERROR|FATAL): /;

export function galeraArbiter(options: DriverOptions): RuledDriver {
  return new GaleraArbiter(options, groupLayoutOf(options.volume, options.runFolder));
}

class GaleraArbiter implements RuledDriver {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #files: MemberFiles;
  readonly #record: Record;
  readonly #server: PlainServer;
  /** What the note of its last majority said before it was started; undefined where it was taken over. */
  #notedBefore: string | undefined;
  /** Of what the probe found last: it is stopping a server that is no member any more. */
  #leaving: Promise<void> | undefined;

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
    this.#files = new MemberFiles(options, layout);
    this.#record = new Record(options, layout);
    this.#server = new PlainServer({ options, layout, program: PROGRAM, complaints: COMPLAINTS });
  }

  async recover(): Promise<boolean> {
    const { files, owner } = this.#options;
    for (const folder of this.#layout.folders) await files.ensureFolder(folder, { mode: 0o700, owner });
    await this.#record.open();
    if (await this.#server.adopt()) return true;
    await this.#server.clear();
    return false;
  }

  async installCertificate(certificate: ServerCertificate): Promise<void> {
    await this.#files.writeCertificate(certificate);
  }

  async found(): Promise<void> {
    throw new DriverError('refused', 'An arbiter has no data to found a cluster with.');
  }

  async enter(peers: readonly Upstream[], signal: AbortSignal): Promise<void> {
    await this.stop();
    await this.#options.files.remove(this.#layout.viewFile);
    const { memberId, address, port, serverName } = this.#options;
    const self = asArbiter({ memberId, address, port, serverName });
    await this.#record.change({ isDismissed: false, members: [self, ...peers] });
    await enterBy(peers, { options: this.#options, layout: this.#layout, record: this.#record, self, signal });
  }

  async isCounted(peers: readonly Upstream[]): Promise<boolean> {
    if (this.#record.content.isDismissed) return false;
    const told = await askGroup(peers, this.#asking);
    if (told !== undefined) return told.isCounted;
    throw new DriverError('unavailable', 'No other member of the cluster tells who its members are.');
  }

  async start(): Promise<void> {
    if (this.isRunning()) return;
    const told = await askGroup(this.#others, this.#asking);
    if (told?.isCounted === false) await this.#record.change({ isDismissed: true });
    if (this.#record.content.isDismissed) throw new DriverError('refused', 'The cluster counts this member no more.');
    if (isOfOneAlone(await this.#note())) await this.#options.files.removeDurably(this.#layout.viewFile);
    this.#notedBefore = await this.#note();
    await this.#server.start(this.#program());
  }

  async isServing(): Promise<boolean> {
    if (!this.isRunning()) return false;
    const told = await this.#vouching();
    return told?.isCounted === true && told.isSeen && (await this.#hasComeIn());
  }

  async dismiss(): Promise<void> {
    throw new DriverError('refused', 'Only a member with data can see to it that another one is counted no more.');
  }

  async configure(): Promise<void> {
    // It has no parameters.
  }

  async setAccounts(): Promise<void> {
    throw new DriverError('refused', 'An arbiter has no users and no databases.');
  }

  async probe(): Promise<ProbeResult> {
    await this.#server.limitLog();
    if (!this.isRunning()) return result(`The arbiter does not run: ${await this.#whyNot()}`, undefined);
    if (isOfOneAlone(await this.#note())) {
      this.#options.log.info({}, 'All other members have left: the arbiter begins anew.');
      this.#server.kill();
      return result('No member with data is in the group.', undefined);
    }
    const told = await this.#vouching();
    if (told === undefined) return result('No member that has a majority behind it tells of this one.', undefined);
    if (!told.isCounted) {
      this.#leaving ??= this.#leave().finally(() => {
        this.#leaving = undefined;
      });
      await this.#leaving;
      return result('The member was dismissed.', undefined);
    }
    if (JSON.stringify(told.members) !== JSON.stringify(this.#record.content.members)) {
      await this.#record.change({ members: told.members });
    }
    const isIn = told.isSeen && (await this.#hasComeIn());
    return result(isIn ? '' : 'The engine has a majority without this member.', undefined);
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  async cutPower(): Promise<void> {
    await this.#server.cutPower();
  }

  isRunning(): boolean {
    return this.#server.pid !== undefined;
  }

  onCrash(call: () => void): void {
    this.#server.onCrash(call);
  }

  async release(): Promise<void> {
    this.#server.release();
  }

  get #others(): readonly Upstream[] {
    return othersWithData(this.#record.content.members, this.#options.memberId);
  }

  get #asking(): { readonly options: DriverOptions; readonly layout: Layout } {
    return { options: this.#options, layout: this.#layout };
  }

  async #vouching(): Promise<Vouching | undefined> {
    return await askForVouching(this.#others, serverNameIn(this.#options.memberId), this.#asking);
  }

  async #note(): Promise<string> {
    return (await this.#options.files.readIfThere(this.#layout.viewFile)) ?? '';
  }

  /** Since it was started: by its name the members still see one that has just died. */
  async #hasComeIn(): Promise<boolean> {
    return (await this.#note()) !== this.#notedBefore;
  }

  async #leave(): Promise<void> {
    await this.#record.change({ isDismissed: true });
    this.#options.log.info({}, 'The cluster counts this member no more: it leaves.');
    await this.stop();
  }

  async #whyNot(): Promise<string> {
    if (this.#record.content.isDismissed) return 'the cluster counts this member no more.';
    return await this.#server.complaint();
  }

  #program(): Program {
    const { bin, libraryPath } = this.#options.engine;
    const addresses = this.#others.map(({ address }) => address);
    return {
      path: join(bin, 'bin', PROGRAM),
      arguments: arbiterArguments(this.#options, this.#layout, addresses),
      folder: this.#layout.data,
      environment: { LC_ALL: 'C.UTF-8', ...(libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath }) },
    };
  }
}
