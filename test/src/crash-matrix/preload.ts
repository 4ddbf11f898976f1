// Loaded into every Node process of a federation under test, before anything of its own. It patches the points that count
// in the process's memory; the product has no hook for it.
import { readFileSync } from 'node:fs';
import { FOLDER_VARIABLE } from './control.ts';

const [, script = ''] = process.argv;
if ((process.env[FOLDER_VARIABLE] ?? '') !== '') await watch();

async function watch(): Promise<void> {
  if (script.endsWith('/gateway/dist/main.js')) {
    const { watchGateway } = await import('./gateway-points.ts');
    watchGateway();
  } else if (script.endsWith('/executor/main.js')) {
    const { watchExecutor } = await import('./region-points.ts');
    watchExecutor(regionOfConfiguration());
  } else if (script.endsWith('/microcloud/main.js')) {
    const { watchMicrocloud } = await import('./region-points.ts');
    watchMicrocloud(regionOfConfiguration());
  } else if (script.endsWith('/agent/main.js')) {
    const { watchAgent } = await import('./region-points.ts');
    const data = JSON.parse(readFileSync(process.env.ARGOSY_USER_DATA ?? '', 'utf8'));
    watchAgent(data.region, data.member_id);
  }
}

function regionOfConfiguration(): string {
  const file = process.argv[process.argv.indexOf('--config') + 1] ?? '';
  return JSON.parse(readFileSync(file, 'utf8')).region;
}
