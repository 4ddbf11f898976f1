// The peers of an interaction scenario and the messages between them. Every act prints what it does; nothing moves
// unless a directive says so.
import { assert } from '../assert.ts';
import { isLocalThread, type Message, type MessageType } from '../core/messages.ts';
import type { Refusal } from '../core/raw-node.ts';
import { describeEntry, describeMessage, describeReady } from './describe.ts';
import { type PeerOptions, ScenarioPeer } from './peer.ts';

const refusals: Record<Refusal, string> = {
  'proposal-dropped': 'raft proposal dropped',
  'local-message': 'raft: cannot step raft local message',
  'peer-not-found': 'raft: cannot step as peer not found',
};

export const proposalDropped = refusals['proposal-dropped'];

export interface Recipient {
  readonly id: number;
  readonly isDropped: boolean;
}

function indent(text: string): string {
  return text.replace(/\n$/, '').replace(/^/gm, '  ').concat('\n');
}

export class ScenarioCluster {
  readonly peers: ScenarioPeer[] = [];
  /** Under way, oldest first. */
  #messages: Message[] = [];

  peer(id: number): ScenarioPeer {
    const peer = this.peers[id - 1];
    assert(peer !== undefined, `there is a peer ${id}`);
    return peer;
  }

  addPeers(count: number, options: PeerOptions): void {
    for (let added = 0; added < count; added += 1) {
      this.peers.push(new ScenarioPeer(this.peers.length + 1, options));
    }
  }

  send(message: Message): void {
    this.#messages.push(message);
  }

  processReady(id: number): string {
    const peer = this.peer(id);
    const ready = peer.node.ready();
    const messages = [...ready.messages, ...ready.messagesAfterAppend];
    const text = describeReady(ready, messages);
    if (!peer.isAsync) {
      peer.write(ready);
      peer.apply(ready.committedEntries);
    }
    for (const message of messages) {
      if (message.type === 'MsgStorageAppend') peer.appendWork.push(message);
      else if (message.type === 'MsgStorageApply') peer.applyWork.push(message);
      else this.send(message);
    }
    if (!peer.isAsync) peer.node.advance();
    return text;
  }

  processAppend(id: number): string {
    const peer = this.peer(id);
    const work = peer.appendWork.shift();
    if (work === undefined) return 'no append work to perform';
    return this.#process(work, () => peer.write(work));
  }

  processApply(id: number): string {
    const peer = this.peer(id);
    const work = peer.applyWork.shift();
    if (work === undefined) return 'no apply work to perform';
    return this.#process(work, () => peer.apply(work.entries));
  }

  #process({ responses = [], ...work }: Message, act: () => void): string {
    act();
    this.#messages.push(...responses);
    const answers = responses.map((message) => describeMessage(message));
    return ['Processing:', describeMessage(work), 'Responses:', ...answers, ''].join('\n');
  }

  /** Delivers or drops, in the order of the recipients. Undefined when there was nothing to deliver. */
  deliver(recipients: readonly Recipient[], type?: MessageType): string | undefined {
    let text: string | undefined;
    for (const { id, isDropped } of recipients) {
      const isMeant = (message: Message) => this.#isFor(message, id, type) && !(isDropped && isReliable(message));
      const chosen = this.#messages.filter(isMeant);
      this.#messages = this.#messages.filter((message) => !isMeant(message));
      for (const message of chosen) {
        text = `${text ?? ''}${isDropped ? 'dropped: ' : ''}${describeMessage(message)}\n`;
        const refusal = isDropped ? undefined : this.peer(id).node.step(message);
        if (refusal !== undefined) text += `${refusals[refusal]}\n`;
      }
    }
    return text;
  }

  #isFor(message: Message, id: number, type: MessageType | undefined): boolean {
    return message.to === id && (type === undefined || message.type === type);
  }

  /** Lets these peers work until nothing is left to do. */
  stabilize(peers: readonly ScenarioPeer[]): string {
    let text = '';
    for (let before = '-'; before !== text; ) {
      before = text;
      for (const { id, node } of peers) {
        if (node.hasReady()) text += `> ${id} handling Ready\n${indent(this.processReady(id))}`;
      }
      for (const { id } of peers) {
        const delivered = this.deliver([{ id, isDropped: false }]);
        if (delivered !== undefined) text += `> ${id} receiving messages\n${indent(delivered)}`;
      }
      for (const { id, appendWork } of peers) {
        if (appendWork.length > 0) text += `> ${id} processing append thread\n`;
        while (appendWork.length > 0) text += indent(this.processAppend(id));
      }
      for (const { id, applyWork } of peers) {
        if (applyWork.length > 0) text += `> ${id} processing apply thread\n`;
        while (applyWork.length > 0) text += indent(this.processApply(id));
      }
    }
    return text;
  }

  log(id: number): string {
    const { storage } = this.peer(id);
    if (storage.entries.length === 0) {
      return `log is empty: first index=${storage.firstIndex}, last index=${storage.lastIndex}`;
    }
    return storage.entries.map((entry) => `${describeEntry(entry)}\n`).join('');
  }
}

/** What a peer says to itself or its own threads is never lost. */
function isReliable({ from, to }: Message): boolean {
  return from === to || isLocalThread(from) || isLocalThread(to);
}
