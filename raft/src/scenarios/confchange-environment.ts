// `simple`, `enter-joint` and `leave-joint`: changes of a membership, without a cluster. Each directive counts as one
// entry of the log, so that the progress of a newcomer shows when it came.
import {
  changeSimply,
  emptyMembership,
  enterJoint,
  leaveJoint,
  type Membership,
  MembershipError,
  type NewProgress,
} from '../core/membership.ts';
import { describeProgress as progressOf } from '../core/status.ts';
import { describeConfiguration, describeProgress, parseChanges } from './describe.ts';
import { type Directive, onlyValue, readBoolean } from './directive.ts';
import { type Environment, UnknownDirectiveError } from './environment.ts';

const limits = { maxInflightMessages: 10, maxInflightBytes: Number.POSITIVE_INFINITY };

export class ConfChangeEnvironment implements Environment {
  #membership: Membership = emptyMembership;
  #lastIndex = 0;

  run(directive: Directive): string {
    try {
      this.#membership = this.#change(directive, { lastIndex: this.#lastIndex, limits });
    } catch (error) {
      if (error instanceof MembershipError) return error.message;
      throw error;
    } finally {
      this.#lastIndex += 1;
    }
    const { configuration, progress } = this.#membership;
    const peers = Array.from(progress, ([id, peer]) => [id, progressOf(peer)] as const);
    // A newcomer counts as heard of here, for nobody could be.
    const described = describeProgress(peers.map(([id, peer]) => [id, { ...peer, isRecentlyActive: true }]));
    return `${describeConfiguration(configuration)}\n${described}`;
  }

  #change({ command, arguments: options, input }: Directive, fresh: NewProgress): Membership {
    const changes = parseChanges(input);
    switch (command) {
      case 'simple':
        return changeSimply(this.#membership, changes, fresh);
      case 'enter-joint': {
        const option = options.find(({ key }) => key === 'autoleave');
        const autoLeave = option !== undefined && readBoolean(onlyValue(option));
        return enterJoint(this.#membership, changes, { ...fresh, autoLeave });
      }
      case 'leave-joint':
        if (changes.length > 0) throw new MembershipError('this command takes no input');
        return leaveJoint(this.#membership, fresh);
      default:
        throw new UnknownDirectiveError(command);
    }
  }
}
