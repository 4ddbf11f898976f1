// The log of the code under test goes nowhere; a world tells what happens by its trace.
import type { openMember } from '@argosy/images';

const nothing = (): void => undefined;
const quiet = { info: nothing, warn: nothing, error: nothing, debug: nothing, child: (): unknown => quiet };

export const silentLog = quiet as unknown as Parameters<typeof openMember>[0]['log'];
