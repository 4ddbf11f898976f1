// What a member of a group must know before its server runs, on its volume: what it shows the others, who they are, and
// whether it may begin alone.
import type { DriverOptions, Upstream } from '../../driver.ts';
import { drawGroupCertificate, type GroupCertificate } from './group-certificate.ts';
import type { Layout } from './layout.ts';

interface Content {
  readonly group: GroupCertificate | null;
  /** All members, this one too, as the group last said. */
  readonly members: readonly Upstream[];
  /** Another member has asked for what it needs to come in, and is not among the members yet. */
  readonly isAsked: boolean;
  /** The data directory holds a part of a copy. */
  readonly isCopying: boolean;
  /** The group counts this member no more. */
  readonly isDismissed: boolean;
}

const EMPTY: Content = { group: null, members: [], isAsked: false, isCopying: false, isDismissed: false };

export class Record {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  #content: Content = EMPTY;

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
  }

  get content(): Content {
    return this.#content;
  }

  /** Nobody else can have what this member has not: it may begin by itself. */
  get isAlone(): boolean {
    const { members, isAsked, isCopying, isDismissed } = this.#content;
    const [only] = members;
    return members.length === 1 && only?.memberId === this.#options.memberId && !isAsked && !isCopying && !isDismissed;
  }

  async open(): Promise<void> {
    const text = await this.#options.files.readIfThere(this.#layout.recordFile);
    this.#content = text === undefined ? EMPTY : { ...EMPTY, ...(JSON.parse(text) as Content) };
  }

  /** The change counts when it is on the disk. */
  async change(change: Partial<Content>): Promise<void> {
    const next = { ...this.#content, ...change };
    await this.#options.files.writeDurably(this.#layout.recordFile, `${JSON.stringify(next)}\n`, { mode: 0o600 });
    this.#content = next;
  }

  async draw(): Promise<void> {
    const { clusterId, clock } = this.#options;
    await this.#keep(await drawGroupCertificate(clusterId, clock.now()));
  }

  /** @throws Error when the member does not answer, or does not know it */
  async ask(member: Upstream): Promise<void> {
    if (this.#options.shareOf === undefined) throw new Error('This driver needs to ask other members.');
    const text = await this.#options.shareOf(member);
    if (text === '') throw new Error(`Member ${member.memberId} does not know the certificate of the group yet.`);
    await this.#keep(JSON.parse(text) as GroupCertificate);
  }

  /** Whoever asks will be a member: from now on this one does not begin alone. */
  async share(): Promise<string> {
    const { group, isAsked } = this.#content;
    if (!isAsked) await this.change({ isAsked: true });
    return group === null ? '' : JSON.stringify(group);
  }

  async #keep(group: GroupCertificate): Promise<void> {
    const { files, owner } = this.#options;
    const options = { mode: 0o600, owner };
    await files.writeDurably(this.#layout.groupKeyFile, group.key, options);
    await files.writeDurably(this.#layout.groupCertificateFile, group.certificate, options);
    await this.change({ group });
  }
}
