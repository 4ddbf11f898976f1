// Traces in which an asynchronous primary acknowledges after another was elected, as soon as a rule of the lease is taken
// away.
import { isElected, type Script } from './script.ts';
import type { Stage } from './stage.ts';

const RPO_SECONDS = 30;

/** An asynchronous primary whose agent stands still, and whose database and door do not. */
async function standsStill(stage: Stage): Promise<void> {
  stage.guest(1).agent?.pause();
  await failsOverAgainst(stage);
}

/** The primary's lease is as long as it gets. */
async function hasJustRenewed(stage: Stage): Promise<void> {
  const deadlineMs = (): number => stage.guest(1).door?.deadlineMs ?? 0;
  const before = deadlineMs();
  await stage.until(() => deadlineMs() > before, 3_000, 1);
}

/** It acknowledges as long as its door lets it; nobody may be elected before. */
async function failsOverAgainst(stage: Stage): Promise<void> {
  const asking = stage.world.timeline.nowMs;
  const isAsked = (): boolean => stage.cluster.epoch > 1;
  while (!isAsked() && stage.world.timeline.nowMs < asking + 3_000) {
    stage.failOver();
    await stage.writeOn(1, isAsked, 100);
  }
  await stage.writeOn(1, () => isElected(stage, 2), 8_000);
  await stage.writeOn(1, () => false, 1_500);
  stage.guest(1).agent?.resume();
}

export const frozenHolder: Script = { voters: 2, rpoSeconds: RPO_SECONDS, play: standsStill };

/** The grantors start anew, and do not know any more what they have granted. */
export const forgottenGrants: Script = {
  voters: 2,
  rpoSeconds: RPO_SECONDS,
  async play(stage) {
    await hasJustRenewed(stage);
    stage.guest(1).agent?.pause();
    for (const ordinal of [2, 3]) stage.guest(ordinal).killAgent();
    await stage.until(() => [2, 3].every((ordinal) => stage.guest(ordinal).serving !== undefined), 2_000);
    await failsOverAgainst(stage);
  },
};

/** What is granted is heard of long after. */
export const slowGrants: Script = {
  voters: 2,
  rpoSeconds: RPO_SECONDS,
  async play(stage) {
    stage.slowAnswers([2, 3], 1, 450);
    await stage.live(4_000);
    await hasJustRenewed(stage);
    await standsStill(stage);
  },
};
