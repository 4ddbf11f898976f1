// Debian's packages of Keystone and Heat: found, or installed where that is allowed, or a sentence that says what is
// missing. Only the code: the packages with services would start some and ask for a database server.
import { spawn } from 'node:child_process';
import { OpenStackUnavailable } from './config.ts';

export const PACKAGES = ['python3-keystone', 'python3-heat'] as const;
// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders.
const FORMAT = '-f=${Package} ${db:Status-Status} ${Version}\\n';
const QUERY_MS = 30_000;
const INSTALL_MS = 15 * 60_000;
/** Another apt on this machine may be at work. */
const LOCK_SECONDS = 600;

export interface InstallContext {
  readonly isRoot: boolean;
  /** Told what is being done. */
  readonly progress: (sentence: string) => void;
}

/** Makes the packages available. Returns their versions, one for each of PACKAGES. @throws OpenStackUnavailable */
export async function ensurePackages(context: InstallContext): Promise<readonly string[]> {
  const found = await installedVersions();
  const missing = PACKAGES.filter((_, index) => found[index] === undefined);
  if (missing.length === 0) return found.map((version) => version ?? '');

  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!context.isRoot) {
    throw new OpenStackUnavailable(
      `A real Keystone and a real Heat need the packages ${missing.join(' and ')} of Debian 12 or Ubuntu 22.10, ` +
        `which only an administrator may install: "${command}".`,
    );
  }
  context.progress(`Installing ${missing.join(', ')} and what they need (about 120 MB).`);
  const options = ['-y', '-q', '-o', `DPkg::Lock::Timeout=${LOCK_SECONDS}`, '--no-install-recommends'];
  const install = () => run('apt-get', ['install', ...options, ...missing], INSTALL_MS);
  let { code, text } = await install();
  // A new machine does not know yet what there is.
  if (code !== 0 && (await run('apt-get', ['update', '-q'], INSTALL_MS)).code === 0) ({ code, text } = await install());
  const now = await installedVersions();
  if (code !== 0 || now.includes(undefined)) {
    const complaints = text.split('\n').filter((line) => /^E:/.test(line));
    throw new OpenStackUnavailable(
      `"${command}" failed${code === undefined ? '' : ` (exit code ${code})`}: ${complaints.join(' ') || 'apt says nothing more'}`,
    );
  }
  return now.map((version) => version ?? '');
}

async function installedVersions(): Promise<(string | undefined)[]> {
  const { code, text } = await run('dpkg-query', ['-W', FORMAT, ...PACKAGES], QUERY_MS);
  if (code === undefined) {
    throw new OpenStackUnavailable('There is no dpkg: a real Keystone and a real Heat need Debian 12 or Ubuntu.');
  }
  const lines = text.split('\n').map((line) => line.split(' '));
  return PACKAGES.map((name) => lines.find(([found, status]) => found === name && status === 'installed')?.[2]);
}

/** `code` is undefined when there is no such program, or it was ended. */
function run(
  program: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<{ readonly code: number | undefined; readonly text: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
    }
    child.once('error', () => resolve({ code: undefined, text: '' }));
    child.once('close', (code) => resolve({ code: code ?? undefined, text }));
  });
}
