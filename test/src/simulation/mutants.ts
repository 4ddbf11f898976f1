// The rules of the election, each taken away from the real code: the simulator is as strong as the share of these bugs that
// it finds. The numbers are those of the rows of the model's results.
import type { Edit } from 'raft-ts/simulation';
import type { ScriptName } from './scripts.ts';

export interface Mutant {
  readonly bug: string;
  readonly name: string;
  readonly edits: readonly Edit[];
  /** What shows it where chance does not reach; without it, random worlds do. */
  readonly script?: ScriptName;
}

function edit(file: string, find: string, replace: string): Edit {
  return { file, find, replace };
}

const inElection = (find: string, replace: string) => edit('planning/elect.js', find, replace);
const inMember = (find: string, replace: string) => edit('agent/member.js', find, replace);
const inAdmission = (find: string, replace: string) => edit('agent/admission.js', find, replace);
const inStandby = (find: string, replace: string) => edit('postgresql/standby.js', find, replace);
const inPromotion = (find: string, replace: string) => edit('postgresql/promotion.js', find, replace);
const inDriver = (find: string, replace: string) => edit('postgresql/driver.js', find, replace);

const WITHDRAW = 'const promise = await driver.withdraw();';
const anyCopyPromises = (status: string): Edit[] => [
  inMember('requireCompleteData(state); return header;', 'return header;'),
  inMember(
    WITHDRAW,
    `const promise = state.data.status === '${status}' ? { epoch: 0, value: '0/0' } : await driver.withdraw();`,
  ),
];

export const mutants: readonly Mutant[] = [
  {
    bug: '1',
    name: 'a promise is kept in memory only',
    edits: [
      edit(
        'agent/state.js',
        'await this.#files.writeDurably(this.#path,',
        'if (change.role !== null && (change.promise ?? null) === null) await this.#files.writeDurably(this.#path,',
      ),
    ],
    script: 'forgottenPromise',
  },
  {
    bug: '2',
    name: 'any promise is enough to elect',
    edits: [inElection('if (ordinals.includes(lastElected.ordinal))', 'if (ordinals.length > 0)')],
    script: 'aloneIsNotEnough',
  },
  {
    bug: '3',
    name: 'positions are compared without their epochs',
    edits: [edit('postgresql/positions.js', 'if (left.epoch !== right.epoch) return left.epoch - right.epoch;', '')],
    script: 'longTail',
  },
  {
    bug: '4',
    name: 'the epoch of a position is the one that is followed',
    edits: [
      inMember(
        WITHDRAW,
        'const found = await driver.withdraw(); const promise = { ...found, epoch: state.role?.epoch ?? found.epoch };',
      ),
    ],
    script: 'followedNothing',
  },
  {
    bug: '5',
    name: 'a position is read while the receiver is still there',
    edits: [inStandby('await endReceiver(this.#parts);', ''), inStandby('await replayToEnd(this.#parts);', '')],
    script: 'lateReceiver',
  },
  {
    bug: '6',
    name: 'the epoch before the new one is asked for, though it elected nobody',
    edits: [
      edit(
        'state/apply-failover.js',
        'epoch: primary === undefined ? cluster.epoch : cluster.epoch + 1,',
        'epoch: cluster.epoch + 1,',
      ),
      inElection(
        'export function isEnough({ lastElected, liveRules }, ordinals) {',
        `export function isEnough({ lastElected, liveRules, epoch }, ordinals) {
          if (lastElected !== undefined && epoch > lastElected.epoch + 1) return ordinals.length > 0;`,
      ),
    ],
    script: 'vacuous',
  },
  {
    bug: '7',
    name: 'following raises no promise',
    // One that follows a later primary is not taken back by itself, and one that was copied does not promise.
    edits: [
      inMember(
        'await this.#store(header, replica);',
        'await this.#parts.file.change({ role: replica, promise: null }); this.#parts.onChange();',
      ),
      inMember('if (!(await hasDiverged(this.#parts.driver))) return await alreadyBack(this.#parts, header);', ''),
      inMember('requireCompleteData(state); return header;', 'return header;'),
    ],
    script: 'takenBack',
  },
  {
    bug: '8',
    name: 'who is elected begins its epoch without a record of it',
    edits: [
      inDriver(
        'await promoteOnto(role.epoch, this.#parts);',
        `await this.stop(); await this.#files.write(replication); await this.#server.start('primary'); return;`,
      ),
    ],
    script: 'longTail',
  },
  {
    bug: '9',
    name: 'the number that PostgreSQL gives a timeline is taken for the epoch',
    edits: [
      inPromotion(
        'for (let timeline = 2; timeline < epoch; timeline++) {',
        'for (let timeline = 2; timeline < 0; timeline++) {',
      ),
      inPromotion('if (timeline !== epoch) {', 'if (false) {'),
      inDriver('return (await ownTimeline(this.#control)) === epoch;', 'return true;'),
    ],
    script: 'skippedEpoch',
  },
  {
    bug: '10',
    name: 'who lost its volume promises as if it had not',
    edits: anyCopyPromises('empty'),
    script: 'lostVolume',
  },
  {
    bug: '11',
    name: 'an acknowledgement counts under whatever name',
    edits: [
      edit(
        'postgresql/config.js',
        "if (rule.acknowledgements === 0) return '';",
        `if (rule.acknowledgements === 0) return ''; return 'ANY ' + rule.acknowledgements + ' ("*")';`,
      ),
    ],
    script: 'anyName',
  },
  {
    bug: '12',
    name: 'who is being copied anew promises',
    edits: anyCopyPromises('incomplete'),
    script: 'halfCopied',
  },
  {
    bug: '13',
    name: 'the door opens before the voters have what is behind it',
    edits: [
      inDriver(
        'if (voters === undefined || voters < role.rule.acknowledgements || !this.#rule.isSettled())',
        'if (false)',
      ),
    ],
    script: 'openAtOnce',
  },
  {
    bug: '14',
    name: 'while a rule changes, an election asks by the new one alone',
    edits: [
      inElection(
        'return liveRules.every(({ voters, acknowledgements, lease }) => {',
        'return liveRules.slice(-1).every(({ voters, acknowledgements, lease }) => {',
      ),
    ],
    script: 'newestRule',
  },
  {
    bug: '15',
    name: 'the old rule is dropped before the new voters have what it acknowledged',
    edits: [
      inMember(
        'if (this.#isOpen && (await driver.hasQuorum({ epoch, generation }).catch(() => false))) {',
        'if (this.#isOpen) {',
      ),
    ],
    script: 'noBarrier',
  },
  {
    bug: '16',
    name: 'a command of an older generation is taken',
    // The revision of what is wanted is as old, and would keep it away.
    edits: [
      inAdmission('if (header.epoch === state.epoch && header.generation < state.generation) {', 'if (false) {'),
      inAdmission('if (header.specRevision < state.specRevision) {', 'if (false) {'),
    ],
    script: 'olderRule',
  },
  {
    bug: '17',
    name: 'a member takes a command that is for another one',
    edits: [
      inAdmission('if (header.clusterId !== state.clusterId || header.memberId !== state.memberId) {', 'if (false) {'),
      edit('agent/roles.js', '|| !rule.voters.includes(memberId)', ''),
    ],
    script: 'otherMember',
  },
  {
    bug: '18',
    name: 'a primary that is to go is left out of the rule while it leads',
    edits: [
      edit(
        'planning/rule.js',
        'return primary === undefined || wished.includes(primary) ? wished : [...wished, primary];',
        'return wished;',
      ),
      edit('agent/roles.js', '|| !rule.voters.includes(memberId)', ''),
    ],
    script: 'primaryOutside',
  },
  {
    bug: 'lease 1',
    name: 'a lease is counted from when it is heard of',
    edits: [
      edit(
        'lease/lease-keeper.js',
        'granted(this.#lease, grantor.memberId, askedMs)',
        'granted(this.#lease, grantor.memberId, bootMs())',
      ),
    ],
    script: 'slowGrants',
  },
  {
    bug: 'lease 2',
    name: 'a grantor that starts anew takes it that it has granted nothing',
    edits: [
      edit(
        'lease/grants.js',
        'return { epoch: 0, untilMs: nowMs + terms.grantedMs };',
        'return { epoch: 0, untilMs: nowMs };',
      ),
    ],
    script: 'forgottenGrants',
  },
  {
    bug: 'lease 3',
    name: 'the agent opens and shuts the door, which counts nothing itself',
    edits: [
      edit(
        'lease/lease-keeper.js',
        'await this.#parts.door.move(this.#deadlineMs);',
        'await this.#parts.door.move(this.isHeld ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);',
      ),
    ],
    script: 'frozenHolder',
  },
  {
    bug: 'lease 4',
    name: 'a lease is held for longer than its grantors wait',
    edits: [
      edit(
        'lease/terms.js',
        'heldMs: Math.floor(GRANTED_MS * (1 - 2 * RATE_ERROR)) - REACTION_MS,',
        'heldMs: GRANTED_MS * 1.5,',
      ),
    ],
    script: 'frozenHolder',
  },
  {
    bug: 'lease 5',
    name: 'a promise counts while the grant before it lasts',
    edits: [inMember('await this.#parts.grantor?.untilOver();', '')],
    script: 'frozenHolder',
  },
  {
    bug: 'timeline',
    name: 'who has gone over to a timeline that was left out is not turned back',
    edits: [inStandby('await this.#leaveTimelines(await this.#checkFit(role));', 'await this.#checkFit(role);')],
    script: 'leftTimeline',
  },
];
