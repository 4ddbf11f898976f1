// What a guest runs: the agent, or with the word `door` the door of an asynchronous cluster's member. Each loads only what it
// needs itself, for a door is waited for by whoever makes a cluster.

import { KEEP } from './load.ts';

const [mode, ...place] = process.argv.slice(2);

async function main(): Promise<void> {
  if (mode === 'door') return await (await import('../lease/door-process.ts')).runDoor(place);
  const { runAgent } = await import('./process.ts');
  if (mode !== KEEP) return await runAgent();
  // The build keeps what was compiled for these.
  await import('../lease/door-process.ts');
  const { drivers } = await import('@argosy/datastores/drivers');
  for (const load of Object.values(drivers)) await load();
}

void main();
