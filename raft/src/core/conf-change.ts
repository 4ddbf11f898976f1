// Changes of the membership as entries carry them: one change (V1, `ConfChange`) or several at once (V2, which §6's
// joint consensus makes safe). The bytes are those of etcd's raftpb, in protobuf.
import { assert } from '../assert.ts';
import type { Entry } from './messages.ts';

export const changeTypes = ['AddNode', 'RemoveNode', 'UpdateNode', 'AddLearnerNode'] as const;
export type ConfChangeType = (typeof changeTypes)[number];

/** `auto`: joint when there is more than one change. The joint ones are left by the leader, or by a further change. */
export const transitions = ['auto', 'joint-implicit', 'joint-explicit'] as const;
export type ConfChangeTransition = (typeof transitions)[number];

export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: number;
}

export interface ConfChangeV1 extends ConfChangeSingle {
  readonly version: 1;
  readonly context?: Uint8Array;
}

export interface ConfChangeV2 {
  readonly version: 2;
  readonly transition: ConfChangeTransition;
  /** None: leave the joint configuration. */
  readonly changes: readonly ConfChangeSingle[];
  readonly context?: Uint8Array;
}

export type ConfChange = ConfChangeV1 | ConfChangeV2;

export function asV2(change: ConfChange): ConfChangeV2 {
  if (change.version === 2) return change;
  const { type, nodeId, context } = change;
  return {
    version: 2,
    transition: 'auto',
    changes: [{ type, nodeId }],
    ...(context === undefined ? {} : { context }),
  };
}

/** Whether this change ends the joint configuration. */
export function leavesJoint({ transition, changes }: ConfChangeV2): boolean {
  return transition === 'auto' && changes.length === 0;
}

/** Whether this change begins a joint configuration, and then whether that is left by itself. */
export function entersJoint({ transition, changes }: ConfChangeV2): { autoLeave: boolean } | undefined {
  if (transition === 'auto' && changes.length <= 1) return undefined;
  return { autoLeave: transition !== 'joint-explicit' };
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** Protobuf's tags: the field's number, and 0 for a number or 2 for bytes. */
function number(field: number, value: number): number[] {
  return [field * 8, ...varint(value)];
}

function bytes(field: number, value: Uint8Array | undefined): number[] {
  return value === undefined ? [] : [field * 8 + 2, ...varint(value.length), ...value];
}

/** The entry, without its place in the log, that proposes this change. */
export function encodeConfChange(change: ConfChange): Pick<Entry, 'type' | 'data'> {
  if (change.version === 1) {
    const { type, nodeId, context } = change;
    const content = [number(1, 0), number(2, changeTypes.indexOf(type)), number(3, nodeId), bytes(4, context)];
    return { type: 'EntryConfChange', data: Uint8Array.from(content.flat()) };
  }
  const changes = change.changes.flatMap(({ type, nodeId }) =>
    bytes(2, Uint8Array.from([...number(1, changeTypes.indexOf(type)), ...number(2, nodeId)])),
  );
  const content = [number(1, transitions.indexOf(change.transition)), changes, bytes(3, change.context)];
  return { type: 'EntryConfChangeV2', data: Uint8Array.from(content.flat()) };
}

/** Leaves the joint configuration. It has no data, so that no limit can refuse it. */
export const leaveJointEntry: Pick<Entry, 'type' | 'data'> = { type: 'EntryConfChangeV2', data: new Uint8Array(0) };

interface Fields {
  readonly numbers: Map<number, number>;
  readonly bytes: Map<number, Uint8Array[]>;
}

function readFields(data: Uint8Array): Fields {
  const fields: Fields = { numbers: new Map(), bytes: new Map() };
  let at = 0;
  const readVarint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128, at += 1) {
      const byte = data[at];
      assert(byte !== undefined, 'a change of membership does not end in the middle of a number');
      value += (byte % 128) * scale;
      if (byte < 128) break;
    }
    at += 1;
    return value;
  };
  while (at < data.length) {
    const tag = readVarint();
    const field = Math.floor(tag / 8);
    const value = readVarint();
    if (tag % 8 === 0) {
      fields.numbers.set(field, value);
      continue;
    }
    assert(tag % 8 === 2 && at + value <= data.length, 'a change of membership has numbers and bytes');
    fields.bytes.set(field, [...(fields.bytes.get(field) ?? []), data.subarray(at, at + value)]);
    at += value;
  }
  return fields;
}

function nameAt<T>(names: readonly T[], at: number | undefined): T {
  const name = names[at ?? 0];
  assert(name !== undefined, `${at} is no known kind of membership change: was it written by a later version?`);
  return name;
}

/** The change that this entry proposes; undefined when it is a normal one. */
export function decodeConfChange({ type, data }: Pick<Entry, 'type' | 'data'>): ConfChange | undefined {
  if (type !== 'EntryConfChange' && type !== 'EntryConfChangeV2') return undefined;
  const fields = readFields(data);
  const single = ({ numbers }: Fields, typeField: number, nodeField: number): ConfChangeSingle => ({
    type: nameAt(changeTypes, numbers.get(typeField)),
    nodeId: numbers.get(nodeField) ?? 0,
  });
  const context = fields.bytes.get(type === 'EntryConfChange' ? 4 : 3)?.[0];
  const rest = context === undefined ? {} : { context };
  if (type === 'EntryConfChange') return { version: 1, ...single(fields, 2, 3), ...rest };
  return {
    version: 2,
    transition: nameAt(transitions, fields.numbers.get(1)),
    changes: (fields.bytes.get(2) ?? []).map((change) => single(readFields(change), 1, 2)),
    ...rest,
  };
}
