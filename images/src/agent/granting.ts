// What the agents of one cluster ask of each other: a primary asks for its lease, and hands it back.
import type {
  CommandHeader,
  GrantLeaseRequest,
  GrantLeaseResponse,
  ReturnLeaseRequest,
  ReturnLeaseResponse,
} from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { Grantor } from '../lease/grantor.ts';
import { CommandError, refused } from './admission.ts';
import type { StateFile } from './state.ts';

export class Granting {
  readonly #file: StateFile;
  readonly #grantor: Grantor | undefined;

  /** Without a grantor, that is in a cluster that is not asynchronous, every lease is refused. */
  constructor(file: StateFile, grantor: Grantor | undefined) {
    this.#file = file;
    this.#grantor = grantor;
  }

  /** Lets no promise of a later epoch count for a while. @throws CommandError when a later one is promised */
  grant({ header: requested, leaseMs }: GrantLeaseRequest): GrantLeaseResponse {
    const { epoch } = this.#admit(requested);
    const promisedEpoch = this.#file.state.epoch;
    if (this.#grantor?.grant({ epoch, promisedEpoch, leaseMs }) === true) return {};
    throw refused(`No lease of ${leaseMs} ms in epoch ${epoch}: this member has promised ${promisedEpoch}.`);
  }

  handedBack({ header }: ReturnLeaseRequest): ReturnLeaseResponse {
    this.#grantor?.handedBack(this.#admit(header).epoch);
    return {};
  }

  #admit(header: CommandHeader | undefined): CommandHeader {
    const { clusterId, memberId } = this.#file.state;
    if (header?.clusterId === clusterId && header.memberId === memberId && header.epoch > 0) return header;
    throw new CommandError(status.INVALID_ARGUMENT, 'The request is not for this member, or names no epoch.');
  }
}
