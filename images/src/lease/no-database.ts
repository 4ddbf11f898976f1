// The driver of an arbiter: it has no data, and so nothing to do but to be asked for its word.
import { type Driver, DriverError, type ProbeResult } from '@argosy/datastores/drivers';

const NOWHERE = { epoch: 0, value: '' } as const;

const PROBE: ProbeResult = {
  ...{ isUp: true, isOpen: false, hearing: undefined, position: undefined, streams: [], serverVersion: '' },
  detail: '',
};

export function noDatabase(): Driver {
  const refuse = async (): Promise<never> => {
    throw new DriverError('refused', 'An arbiter has no database.');
  };
  return {
    ...{ initialise: refuse, seed: refuse, lead: refuse, saveTail: refuse, rewind: refuse, follow: refuse },
    ...{ configure: refuse, setAccounts: refuse },
    recover: async () => false,
    installCertificate: async () => undefined,
    tryOpen: async () => false,
    progress: async () => undefined,
    hasQuorum: async () => false,
    isFollowing: async () => undefined,
    hasCaughtUp: async () => false,
    withdraw: async () => NOWHERE,
    probe: async () => PROBE,
    stop: async () => undefined,
    cutPower: async () => undefined,
    isRunning: () => false,
    onCrash: () => undefined,
    release: async () => undefined,
  };
}
