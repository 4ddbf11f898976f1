// Waits on a state, with a bound.
const POLL_MS = 150;

/** @throws Error naming what did not come about. */
export async function waitUntil(
  what: string,
  limitMs: number,
  isSo: () => boolean | Promise<boolean>,
  explain: () => string = () => '',
): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    if (await isSo()) return;
    if (performance.now() > deadline) {
      throw new Error(`Within ${limitMs / 1000} s it did not come about that ${what}. ${explain()}`.trim());
    }
    await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
  }
}
