// Traces that lose a write as soon as a rule is taken away, from the model of the election. On the real code each ends
// well; random worlds reach most of them too seldom to rely on.
import { forgottenGrants, frozenHolder, slowGrants } from './lease-scripts.ts';
import { isElected, type Script } from './script.ts';
import { Stage } from './stage.ts';

/** Plays a script; answers what must not have happened and did. */
export async function playScript(script: Script, listener?: (line: string) => void): Promise<string | undefined> {
  const stage = new Stage(script.voters, script.rpoSeconds, listener);
  await stage.world.make(script.replicas ?? 0);
  if (stage.world.violation === undefined) await script.play(stage);
  if (stage.world.violation === undefined && script.isHealed !== false) await stage.world.heal();
  const { violation } = stage.world;
  return violation === undefined || violation.name === 'Violation' ? violation?.message : violation.stack;
}

/** The agent of 3 promises, is killed and comes back: it must not stream from the old primary again. */
const forgottenPromise: Script = {
  voters: 3,
  async play(stage) {
    stage.guest(2).agent?.pause();
    stage.failOver();
    await stage.until(() => stage.hasPromised(3));
    stage.part([1], [2]);
    stage.guest(3).killAgent();
    await stage.until(() => isStreaming(stage, 3), 1_400);
    await stage.write(1, 900);
    stage.guest(2).agent?.resume();
    await stage.until(() => isElected(stage, 2));
  },
};

/** 2 alone has promised, and lacks what 1 and 3 have. */
const aloneIsNotEnough: Script = {
  voters: 3,
  async play(stage) {
    stage.part([1], [2]);
    await stage.write(1);
    stage.guest(3).agent?.pause();
    stage.failOver();
    await stage.until(() => stage.hasPromised(2));
    await stage.live(3_000);
    stage.guest(3).agent?.resume();
    await stage.until(() => isElected(stage, 2));
  },
};

/** A primary that is cut off has a long log that nobody has; the next one's is short, and acknowledged. */
const longTail: Script = {
  voters: 3,
  async play(stage) {
    stage.part([1], [2, 3]);
    const find = stage.hideAgent(1);
    for (let count = 0; count < 20; count += 1) void stage.write(1, 10);
    await stage.live(200);
    await stage.until(() => isElected(stage, 2) && stage.cluster.opened.epoch === 2);
    const { primary = 0 } = stage.cluster;
    await stage.write(primary);
    stage.guest(primary).losePower();
    find();
    await stage.until(() => isElected(stage, 3));
    stage.guest(primary).boot();
  },
};

/** 3 follows in the epoch of 2 and has nothing of it; 1 has what was acknowledged in the epoch before. */
const followedNothing: Script = {
  voters: 3,
  async play(stage) {
    stage.part([3], [1, 2]);
    await stage.write(1);
    stage.world.ask('switchover to 2');
    await stage.until(() => isElected(stage, 2));
    const find = stage.hideAgent(1);
    await stage.live(4_000);
    stage.guest(2).losePower();
    // Found while nobody is about to ask it to follow.
    await stage.live(5_500);
    await stage.until(() => stage.pauseBefore('follow/1') > 1_500, 10_000);
    find();
    await stage.until(() => isElected(stage, 3), 20_000);
    stage.guest(2).boot();
  },
};

/** The receiver of 3 goes on while replay stands still, and acknowledges what its promise has not told. */
const lateReceiver: Script = {
  voters: 3,
  async play(stage) {
    stage.guest(2).agent?.pause();
    const { server } = stage.guest(3);
    if (server !== undefined) server.stalledUntilMs = stage.world.timeline.nowMs + 2_500;
    await stage.write(1);
    stage.failOver();
    await stage.live(300);
    stage.part([2], [1]);
    await stage.write(1, 1_000);
    stage.guest(2).agent?.resume();
    await stage.until(() => isElected(stage, 2));
  },
};

/** Nobody is elected for the next epoch; the one after it must still hear of the last primary's. */
const vacuous: Script = {
  voters: 3,
  async play(stage) {
    stage.part([3], [1]);
    await stage.write(1);
    for (const ordinal of [2, 3]) stage.guest(ordinal).agent?.pause();
    stage.failOver();
    await stage.live(1_000);
    stage.failOver();
    await stage.live(1_000);
    stage.guest(3).agent?.resume();
    await stage.live(4_000);
    stage.guest(2).agent?.resume();
    await stage.until(() => isElected(stage, 2));
  },
};

/** Nobody follows who was elected for the second epoch; whoever leads the third comes from the first. */
const skippedEpoch: Script = {
  voters: 3,
  async play(stage) {
    const mend = stage.part([2], [1, 3]);
    stage.failOver();
    await stage.until(() => stage.guest(2).server?.state === 'primary');
    await stage.live(500);
    stage.guest(2).losePower();
    await stage.until(() => isElected(stage, 3), 20_000);
    await stage.live(3_000);
    mend();
    stage.guest(2).boot();
  },
};

/** 3 goes over to the timeline of 2, who dies before 3 has a record of it; then it must follow one that never knew it. */
const leftTimeline: Script = {
  voters: 3,
  async play(stage) {
    const find = stage.hideAgent(1);
    stage.failOver();
    await stage.until(() => stage.find(3)?.server?.timeline === 2, 10_000, 0.5);
    stage.guest(2).losePower();
    find();
    await stage.until(() => isElected(stage, 3), 20_000);
    await stage.live(5_000);
    stage.guest(2).boot();
  },
};

/** 2 has what was acknowledged and loses its volume; 3 lacks it. */
const lostVolume: Script = {
  voters: 3,
  isHealed: false,
  async play(stage) {
    stage.part([1], [3]);
    await stage.write(1);
    stage.guest(2).loseVolume();
    stage.guest(2).boot();
    await stage.live(3_000);
    stage.guest(1).losePower();
    await stage.live(15_000);
  },
};

/** 1 returns, diverged, and is copied anew when the new primary dies; 3 lacks what both have had. */
const halfCopied: Script = {
  voters: 3,
  async play(stage) {
    const mend = stage.part([3], [1, 2]);
    await stage.write(1);
    stage.part([1], [2]);
    const find = stage.hideAgent(1);
    void stage.write(1, 10);
    await stage.until(() => isElected(stage, 2));
    await stage.live(500);
    stage.world.network.calm();
    find();
    mend();
    const again = stage.part([3], [1, 2]);
    await stage.until(() => stage.guest(1).volume.data === undefined, 20_000);
    stage.part([1], [2]);
    stage.guest(2).agent?.pause();
    stage.failOver();
    await stage.live(6_000);
    stage.guest(2).agent?.resume();
    again();
    await stage.until(() => isElected(stage, 3));
  },
};

/** A row that nobody else has becomes visible by a restart in place. */
const openAtOnce: Script = {
  voters: 3,
  async play(stage) {
    const mend = stage.part([1], [2, 3]);
    void stage.write(1, 10);
    await stage.live(100);
    stage.guest(1).killDatabase();
    for (let count = 0; count < 30; count += 1) {
      if (await stage.read(1)) break;
      await stage.live(100);
    }
    stage.guest(1).losePower();
    await stage.until(() => isElected(stage, 2));
    mend();
    stage.guest(1).boot();
  },
};

/** From three voters to five: until the new rule is in force, what 1 and 2 have is acknowledged by the old one. */
async function growing(stage: Stage): Promise<void> {
  stage.world.change({ topology: { voters: 5 } });
  await stage.until(() => stage.cluster.members.length === 5 && isStreaming(stage, 4) && isStreaming(stage, 5));
}

const isStreaming = (stage: Stage, ordinal: number): boolean =>
  stage.find(ordinal)?.server?.receiver?.isStreaming === true;

const newestRule: Script = {
  voters: 3,
  async play(stage) {
    await growing(stage);
    await stage.until(() => stage.cluster.liveRules.length === 2);
    stage.guest(1).agent?.pause();
    stage.part([1], [3, 4, 5]);
    await stage.live(200);
    await stage.write(1);
    stage.guest(2).agent?.pause();
    stage.failOver();
    await stage.live(6_000);
    stage.guest(2).agent?.resume();
    await stage.until(() => isElected(stage, 2));
    stage.guest(1).agent?.resume();
  },
};

/** The new rule is in force, and those whom it counts on have not flushed what the old one acknowledged. */
const noBarrier: Script = {
  voters: 3,
  async play(stage) {
    await growing(stage);
    await stage.until(() => stage.cluster.liveRules.length === 2);
    const hold = stage.hideAgent(1);
    const mend = stage.part([1], [3, 4, 5]);
    await stage.live(200);
    await stage.write(1);
    // Until their receivers have given up what is on its way.
    await stage.live(4_000);
    for (const ordinal of [3, 4, 5]) {
      stage.guest(ordinal).diskSlowness = 20_000;
      stage.guest(ordinal).keepsUnsynced = false;
    }
    hold();
    await stage.until(() => stage.cluster.members[0]?.facts.generation === 2);
    mend();
    await stage.until(() => stage.cluster.opened.generation === stage.cluster.rule?.generation, 8_000);
    for (const ordinal of [1, 2, 3, 4, 5]) stage.guest(ordinal).losePower();
    for (const ordinal of [3, 4, 5]) {
      stage.guest(ordinal).diskSlowness = 1;
      stage.guest(ordinal).boot();
    }
    await stage.live(20_000);
    for (const ordinal of [1, 2]) stage.guest(ordinal).boot();
  },
};

/** The rule of three comes again when that of five is in force. */
const olderRule: Script = {
  voters: 3,
  async play(stage) {
    const old = stage.calls('promote', 1).at(-1);
    const follow = stage.calls('follow', 2).at(-1);
    await growing(stage);
    await stage.until(() => stage.cluster.liveRules.length === 1 && stage.cluster.rule?.voters.length === 5);
    await stage.live(2_000);
    stage.again(old, 1);
    stage.again(follow, 2);
    await stage.live(1_000);
    stage.part([1], [3, 4, 5]);
    await stage.write(1);
    for (const ordinal of [1, 2]) stage.guest(ordinal).losePower();
    await stage.live(15_000);
    for (const ordinal of [1, 2]) stage.guest(ordinal).boot();
  },
};

/** The promotion of 2 comes to 1 as well. */
const otherMember: Script = {
  voters: 3,
  async play(stage) {
    const find = stage.hideAgent(1);
    stage.failOver();
    await stage.until(() => isElected(stage, 2) && stage.cluster.opened.epoch === 2);
    const { primary = 0 } = stage.cluster;
    await stage.write(primary);
    stage.again(stage.calls('promote', primary).at(-1), 1);
    await stage.live(3_000);
    await stage.write(1);
    find();
  },
};

/** A replica that is no voter acknowledges. */
const anyName: Script = {
  voters: 3,
  replicas: 1,
  async play(stage) {
    stage.part([1], [2, 3]);
    await stage.write(1);
    stage.guest(1).losePower();
    await stage.until(() => isElected(stage, 2), 20_000);
    stage.guest(1).boot();
  },
};

/** The primary is to go: until another leads it stays in the rule. */
const primaryOutside: Script = {
  voters: 3,
  async play(stage) {
    stage.world.change({ placement: { regions: ['south', 'west'], survive: 'zone' } });
    await stage.until(() => stage.cluster.liveRules.length === 2 || stage.cluster.epoch > 1, 20_000);
    await stage.until(() => stage.cluster.liveRules.length === 1, 5_000);
    const rule = stage.cluster.rule?.voters ?? [];
    const [first = 2, ...others] = rule.filter((ordinal) => ordinal !== 1);
    stage.part([1], others);
    await stage.write(1);
    stage.part([first], others);
    stage.guest(1).losePower();
    await stage.until(() => isElected(stage, 2), 10_000);
    stage.guest(first).losePower();
    await stage.live(15_000);
    for (const ordinal of [1, first]) stage.find(ordinal)?.boot();
  },
};

export const scripts = {
  ...{ frozenHolder, forgottenGrants, slowGrants },
  ...{ forgottenPromise, aloneIsNotEnough, longTail, followedNothing, lateReceiver, vacuous, lostVolume, halfCopied },
  ...{ skippedEpoch, leftTimeline, openAtOnce, newestRule, noBarrier, olderRule, otherMember, anyName, primaryOutside },
} satisfies Readonly<Record<string, Script>>;

export type ScriptName = keyof typeof scripts;
