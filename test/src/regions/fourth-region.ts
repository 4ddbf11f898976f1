// A region beside those that a federation was started with: a microcloud and an executor of its own, whose keys are made
// and signed as an operator does it.
import { join } from 'node:path';
import { argosy, runScript } from './command-line.ts';
import { EXECUTOR, FourthBlock, MICROCLOUD, NAME } from './fourth-block.ts';

const EXECUTOR_PORT = 8792;
const ZONES = [{ name: `${NAME}-a`, capacity: 5 }];

export class FourthRegion {
  readonly name = NAME;
  readonly #home: string;
  readonly #block: FourthBlock;
  readonly #folder: string;

  constructor(home: string) {
    this.#home = home;
    this.#block = new FourthBlock(home);
    this.#folder = join(home, 'processes', `executor-${NAME}`);
  }

  get executor(): string {
    return `${this.#block.prefix}.3:${EXECUTOR_PORT}`;
  }

  get keystone(): string {
    return `http://${this.#block.prefix}.4:8795/v3`;
  }

  /** `executor init`, `argosy region sign`, `executor install-certificate`. */
  async enrol(): Promise<void> {
    const { federation } = this.#block.modelOf('executor') as { federation: string };
    const signed = join(this.#home, `${NAME}.pem`);
    const [request, key] = [join(this.#folder, 'intermediate.csr'), join(this.#home, 'operator', 'root.key')];
    const sign = ['--root-certificate', join(this.#home, 'ca.pem'), '--root-key', key, '--request', request];
    for (const said of [
      await runScript(EXECUTOR, ['init', '--federation', federation, '--region', NAME, '--directory', this.#folder]),
      await argosy(this.#home, 'admin', 'region', 'sign', ...sign, '--out', signed),
      await runScript(EXECUTOR, ['install-certificate', signed, '--directory', this.#folder]),
    ]) {
      if (said.code !== 0) throw new Error(said.error);
    }
  }

  async start(): Promise<void> {
    const bind = { address: `${this.#block.prefix}.4`, keystonePort: 8795, heatPort: 8796 };
    const config = this.#block.microcloud({ bind, zones: ZONES });
    await this.#block.start(MICROCLOUD, 'microcloud', { config, healthUrl: this.keystone });
    const healthUrl = `http://${this.#block.prefix}.3:8793/healthz`;
    await this.#block.start(EXECUTOR, 'executor', { config: this.#executor(), healthUrl });
  }

  end(): void {
    this.#block.end();
  }

  #executor(): object {
    const { peers: _told, ...model } = this.#block.modelOf('executor') as { peers: unknown; openstack: object };
    const at = (name: string): string => join(this.#folder, name);
    return {
      ...model,
      ...{ region: NAME, provider: 'orient', jurisdiction: 'EU' },
      grpc: { address: `${this.#block.prefix}.3`, port: EXECUTOR_PORT },
      admin: { address: `${this.#block.prefix}.3`, port: 8793 },
      ...{ certificateFile: at('leaf.pem'), keyFile: at('leaf.key'), rootFile: at('root.pem') },
      ...{ intermediateCertificateFile: at('intermediate.pem'), intermediateKeyFile: at('intermediate.key') },
      regionKeyFile: at('region.key'),
      openstack: { ...model.openstack, authUrl: this.keystone, region: NAME },
      zones: ZONES,
      measureEverySeconds: 1,
    };
  }
}
