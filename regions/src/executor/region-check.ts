// Whether the region has what the configuration names, as far as Heat can say without making anything: it resolves
// networks, flavors, images and volume types when it previews a stack. How much room there is, and which zones, nobody
// but an administrator is told: that is the operator's word.
import { type Clock, pause } from '@argosy/proto';
import type { Logger } from 'pino';
import { OpenStackError } from '../openstack/errors.ts';
import type { Heat } from '../openstack/heat.ts';
import type { ExecutorSettings } from './config.ts';

/** What was found wrong may be mended in the region, without a word to us. */
const AGAIN_MS = 5 * 60_000;
/** Heat may not serve yet when we do. */
const NO_ANSWER_AGAIN_MS = 10_000;
const HOT = '2021-04-16';

/** Something that the configuration names and the region does not have. */
export interface Finding {
  /** Such as `flavor small (m1.small)`. */
  readonly subject: string;
  /** Heat's words. */
  readonly why: string;
}

export class RegionCheck {
  readonly #config: ExecutorSettings;
  readonly #world: { readonly heat: Heat; readonly clock: Clock; readonly log: Logger };
  #findings: readonly Finding[] | undefined;

  constructor(config: ExecutorSettings, world: { readonly heat: Heat; readonly clock: Clock; readonly log: Logger }) {
    this.#config = config;
    this.#world = world;
  }

  /** What is wrong; undefined until Heat has been asked. */
  get findings(): readonly Finding[] | undefined {
    return this.#findings;
  }

  /** Asks at the start, and again for as long as something is wrong. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#world;
    while (!signal.aborted && this.#findings?.length !== 0) {
      let againMs = AGAIN_MS;
      try {
        await this.look();
      } catch (error) {
        if (!(error instanceof OpenStackError)) throw error;
        // The watch of the region tells when Heat is silent.
        log.debug({ err: error }, 'the configuration is not checked yet');
        againMs = NO_ANSWER_AGAIN_MS;
      }
      if (this.#findings?.length !== 0) await pause(clock, againMs, signal);
    }
  }

  /** Asks Heat about everything. @throws OpenStackError */
  async look(): Promise<readonly Finding[]> {
    const { heat, log } = this.#world;
    const findings: Finding[] = [];
    for (const { subject, resources } of questions(this.#config)) {
      const why = await heat.preview({ template: { heat_template_version: HOT, resources } });
      if (why === undefined) continue;
      findings.push({ subject, why });
      log.error({ subject, why }, 'the region does not have what the configuration names');
    }
    if (findings.length === 0) log.info('the region has what the configuration names');
    this.#findings = findings;
    return findings;
  }
}

/** One for each thing, so that each is named. Pure. */
export function questions(config: ExecutorSettings): { readonly subject: string; readonly resources: object }[] {
  const { compute, image, network, floatingNetwork, volumeType, flavors } = config;
  const port = { type: 'OS::Neutron::Port', properties: { network } };
  const asked: { subject: string; resources: object }[] = [{ subject: `network ${network}`, resources: { port } }];
  if (floatingNetwork !== undefined) {
    const floating = { type: 'OS::Neutron::FloatingIP', properties: { floating_network: floatingNetwork } };
    asked.push({ subject: `floatingNetwork ${floatingNetwork}`, resources: { floating } });
  }
  if (volumeType !== undefined && compute !== 'baremetal') {
    const volume = { type: 'OS::Cinder::Volume', properties: { size: 1, volume_type: volumeType } };
    asked.push({ subject: `volumeType ${volumeType}`, resources: { volume } });
  }
  if (compute === 'container') {
    const container = { type: 'OS::Zun::Container', properties: { image } };
    return [...asked, { subject: 'containers', resources: { container } }];
  }
  const servers = flavors.map(({ name, openstackFlavor: flavor }) => {
    const properties = { image, flavor, networks: [{ network }] };
    const server = { type: 'OS::Nova::Server', properties };
    return { subject: `flavor ${name} (${flavor}) with image ${image}`, resources: { server } };
  });
  return [...asked, ...servers];
}
