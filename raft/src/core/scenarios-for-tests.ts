// What the tests of the core say in common: worlds whose peers begin with a given disk, and words put into their mouths.
import { type Entry, type Message, type MessageContent, type MessageType, makeMessage } from './messages.ts';
import type { CoreConfig } from './raft.ts';
import { seeded } from './seeded-for-tests.ts';
import { World } from './world-for-tests.ts';

export const plain = { preVote: false, checkQuorum: false };

export function world(voterCount: number, overrides: Partial<CoreConfig> = plain): World {
  return new World(voterCount, seeded(1), overrides);
}

/** Entries from the first one on, with these terms. */
export function entries(...terms: number[]): Entry[] {
  return terms.map((term, at) => ({ index: at + 1, term, data: Buffer.from(`${at + 1}`) }));
}

/** Starts a peer from this disk. */
export function withDisk(place: World, id: number, term: number, log: Entry[]): void {
  const { disk } = place.peer(id);
  disk.hardState = { term, vote: 0, commit: 0 };
  disk.entries = log;
  place.restart(id);
}

/** Speaks to a peer as another one and returns what it answers. */
export function say(place: World, type: MessageType, to: number, content: MessageContent): Message[] {
  place.network = [];
  place.deliver(makeMessage(type, to, content));
  place.settle(to);
  return place.network.splice(0);
}

/** Lets through what neither comes from nor goes to these peers. */
export const without =
  (...ids: number[]) =>
  ({ from, to }: Message) =>
    !ids.includes(from) && !ids.includes(to);

export const add = (nodeId: number) => ({ type: 'AddNode', nodeId }) as const;
export const learn = (nodeId: number) => ({ type: 'AddLearnerNode', nodeId }) as const;
export const remove = (nodeId: number) => ({ type: 'RemoveNode', nodeId }) as const;
