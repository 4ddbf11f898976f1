// The server's files on the volume: written whole, each time, from what the member is.
import type { DriverOptions, ServerCertificate } from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import { startStatements } from './accounts.ts';
import { type MemberSettings, renderConfig } from './config.ts';
import { memberNumber } from './gtid.ts';
import type { Layout } from './layout.ts';
import { PARAMETERS } from './parameters.ts';
import { sizesFor } from './sizes.ts';

/** What is written. */
export interface FileContents {
  readonly config: (settings: MemberSettings) => string;
  readonly statements: (settings: MemberSettings) => readonly string[];
}

const CONTENTS: FileContents = { config: renderConfig, statements: startStatements };

export class MemberFiles {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #contents: FileContents;
  /** What the files say next time, and the server when it starts. */
  parameters: ParameterValues;

  constructor(options: DriverOptions, layout: Layout, contents = CONTENTS) {
    this.#options = options;
    this.#layout = layout;
    this.#contents = contents;
    this.parameters = options.parameters ?? {};
  }

  /** What a parameter is without a value of the tenant's. */
  defaults(): ParameterValues {
    const known = Object.entries(PARAMETERS).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, value]],
    );
    const { maxConnections } = sizesFor(this.#options.memoryMib);
    return { ...Object.fromEntries(known), max_connections: String(maxConnections) };
  }

  async write(): Promise<void> {
    const { files, owner } = this.#options;
    const options = { mode: 0o600, owner };
    const settings = await this.#settings();
    await files.writeDurably(this.#layout.startFile, `${this.#contents.statements(settings).join(';\n')};\n`, options);
    await files.writeDurably(this.#layout.configFile, this.#contents.config(settings), options);
  }

  async writeCertificate({ certificate, key, root }: ServerCertificate): Promise<void> {
    const { files, owner } = this.#options;
    const options = { mode: 0o600, owner };
    await files.writeDurably(this.#layout.rootFile, root, options);
    await files.writeDurably(this.#layout.keyFile, key, options);
    await files.writeDurably(this.#layout.certificateFile, certificate, options);
  }

  async #settings(): Promise<MemberSettings> {
    const { clusterId, memberId, address, serverPort: port, owner, memoryMib, engine } = this.#options;
    return {
      ...{ clusterId, address, port, layout: this.#layout, number: memberNumber(memberId), engine: engine.bin },
      ...{ agentUser: owner.agentUser, dataUser: await this.dataUser(), sizes: sizesFor(memoryMib) },
      parameters: this.parameters,
    };
  }

  /** The name of the user who owns the data. */
  async dataUser(): Promise<string> {
    const { owner, files } = this.#options;
    if (owner.uid === undefined) return owner.agentUser;
    const users = ((await files.readIfThere('/etc/passwd')) ?? '').split('\n').map((line) => line.split(':'));
    return users.find(([, , uid]) => Number(uid) === owner.uid)?.[0] ?? owner.agentUser;
  }
}
