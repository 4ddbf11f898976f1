// The points of a gateway peer: entries of the operation before they are proposed, when they are committed, and when they
// are applied, before the proposer hears of it; and the leader's commands.
import { Raft } from 'raft-ts';
import type { Place } from './control.ts';
import { watchCommandsSent } from './grpc-points.ts';
import { reach } from './reach.ts';

/** As much of an entry as is read. */
interface Entry {
  readonly kind: string;
  readonly at: string;
  readonly operationId?: string;
  readonly step?: { readonly id: string; readonly region?: string };
  readonly stepId?: string;
}

/** Where the steps are carried out, for entries that do not say it. */
const regions = new Map<string, string | undefined>();

export function watchGateway(): void {
  let raft: Raft | undefined;
  const note = (moment: string, data: Uint8Array): void => {
    const entry = JSON.parse(Buffer.from(data).toString('utf8')) as Entry;
    const found = about(entry);
    if (found === undefined) return;
    const process = raft?.status().role === 'leader' ? 'leader' : 'follower';
    reach({ process, name: `${moment}-${found.what}`, step: found.step }, found.place);
  };

  const open = Raft.open.bind(Raft);
  Raft.open = async (options) => {
    const { stateMachine } = options;
    const apply = stateMachine.apply.bind(stateMachine);
    const watched: typeof stateMachine = {
      apply: (entry) => {
        note('committed', entry.data);
        const result = apply(entry);
        note('applied', entry.data);
        return result;
      },
      snapshot: () => stateMachine.snapshot(),
      restore: (data) => stateMachine.restore(data),
    };
    raft = await open({ ...options, stateMachine: watched });
    return raft;
  };
  const propose = Raft.prototype.propose;
  Raft.prototype.propose = function proposeWatched(data, options) {
    note('proposing', data);
    return propose.call(this, data, options);
  };
  watchCommandsSent((moment, { step, suffix, ...place }) => {
    const region = regions.get(`${place.operation}/${step}/${place.ordinal}`);
    reach({ process: 'leader', name: `${moment}${suffix}`, step }, { ...place, ...(region && { region }) });
  });
}

/** Undefined for what belongs to no operation. */
function about(entry: Entry): { what: string; step: string; place: Place } | undefined {
  const { kind, at, operationId: operation } = entry;
  if (operation === undefined) return undefined;
  const id = entry.step?.id ?? entry.stepId;
  if (id === undefined) {
    const step = kind === 'operation.ended' ? '(ended)' : '(accepted)';
    return { what: kind.split('.')[1] ?? kind, step, place: { operation, at } };
  }
  const [step = '', ordinal] = id.split('/');
  const key = `${operation}/${step}/${ordinal}`;
  if (entry.step !== undefined) regions.set(key, entry.step.region);
  const region = regions.get(key);
  const place = { operation, at, ordinal: Number(ordinal), ...(region && { region }) };
  return { what: kind.split('.')[1] ?? kind, step, place };
}
