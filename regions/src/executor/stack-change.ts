// What a stack that is there must become for its member to be as wished, and what no stack of its kind can become. Pure.
import type { MemberSpec } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { Stack } from '../openstack/heat.ts';
import { CommandError } from './command-error.ts';
import type { ExecutorSettings } from './config.ts';
import { type ComputeKind, kindOfStack } from './member-ways.ts';
import { sizeParameters } from './stack-request.ts';

/** Parameters of the template, with their new values. */
export type StackChange = Readonly<Record<string, string | number>>;

/**
 * The parameters that a stack must be given; undefined when it is as wished. A stack whose last update or check failed is
 * updated in any case: Heat then does what it left undone.
 * @throws CommandError INVALID_ARGUMENT when the volume would have to shrink, or is one that cannot be extended;
 * FAILED_PRECONDITION when Heat would make a bare metal member anew, without its data.
 */
export function stackChange(stack: Stack, spec: MemberSpec, config: ExecutorSettings): StackChange | undefined {
  const [size, sizes, kind] = [volumeGib(stack), sizeParameters(spec.flavor, config), kindOfStack(stack)];
  if (spec.volumeGib < size) {
    throw refused(`The volume of ${spec.memberId} has ${size} GiB and cannot shrink to ${spec.volumeGib} GiB.`);
  }
  const { flavor: had, volume_size: hadGib } = stack.parameters;
  const isAsWished = had === sizes.flavor && Number(hadGib) === spec.volumeGib && size === spec.volumeGib;
  if (isAsWished && stack.status.endsWith('_COMPLETE')) return undefined;
  refuseImpossible(kind, { stack, spec, isAsWished, isGrowing: spec.volumeGib > size });
  const change = kind === 'container' ? sizes : { flavor: sizes.flavor };
  return { ...change, volume_size: spec.volumeGib };
}

function refuseImpossible(
  kind: ComputeKind,
  seen: {
    readonly stack: Stack;
    readonly spec: MemberSpec;
    readonly isAsWished: boolean;
    readonly isGrowing: boolean;
  },
): void {
  const { memberId } = seen.spec;
  if (kind === 'container' && seen.isGrowing) {
    // Heat asks Nova to take the volume from its server, and Nova knows no container.
    throw refused(`The volume of ${memberId} is mounted in a container, where Heat cannot extend it.`);
  }
  if (kind !== 'baremetal') return;
  if (!seen.isAsWished) throw refused(`${memberId} runs on bare metal: it stays as large as its node and its disk.`);
  const message =
    `Stack ${seen.stack.name} is ${seen.stack.status}. An update could give ${memberId} another node, and its data is on ` +
    "the old one's disk. Look at the node; then let the member be replaced (argosy cluster replace).";
  throw new CommandError(status.FAILED_PRECONDITION, message);
}

function refused(message: string): CommandError {
  return new CommandError(status.INVALID_ARGUMENT, message);
}

/** The volume as it is: what a failed update was asked stands in the parameters, what it did in the outputs. */
export function volumeGib(stack: Stack): number {
  const told = stack.outputs.volume_gib;
  return told === undefined || told === null || told === '' ? Number(stack.parameters.volume_size) : Number(told);
}
