// clouds.yaml and openrc: the local users, as OpenStack clients read them.
import { stringify } from 'yaml';
import { keystoneUrl, type RegionLayout } from './layout.ts';
import type { Settings } from './settings.ts';

const USERS = [
  { name: 'admin', project: 'admin' },
  { name: 'demo', project: 'demo' },
  { name: 'viewer', project: 'demo' },
] as const;

/** One cloud for each user at the first region's Keystone (`demo`), and one at each other's (`demo-south`). */
export function cloudsYaml(regions: readonly RegionLayout[], settings: Settings): string {
  const clouds = regions.flatMap((region, index) =>
    USERS.map(({ name, project }) => [
      index === 0 ? name : `${name}-${region.name}`,
      {
        auth: {
          auth_url: keystoneUrl(region),
          username: name,
          password: settings.passwords[name],
          project_name: project,
          user_domain_name: 'Default',
          project_domain_name: 'Default',
        },
        region_name: region.name,
        identity_api_version: '3',
        interface: 'public',
      },
    ]),
  );
  // OpenStack's clients read YAML 1.1, in which more words must be quoted than in 1.2.
  return stringify({ clouds: Object.fromEntries(clouds) }, { version: '1.1' });
}

/** A script for `.` (source) that sets OS_* for `demo`, or for the user that ARGOSY_USER names. */
export function openrc(region: RegionLayout, settings: Settings): string {
  const cases = USERS.map(
    ({ name, project }) =>
      `  ${name}) OS_USERNAME=${name} OS_PASSWORD=${settings.passwords[name]} OS_PROJECT_NAME=${project} ;;`,
  );
  return `# Use it with: . openrc    (or, as another user: ARGOSY_USER=admin; . openrc)
case "\${ARGOSY_USER:-demo}" in
${cases.join('\n')}
  *) echo "openrc: ARGOSY_USER is admin, demo or viewer" >&2 ;;
esac
export OS_USERNAME OS_PASSWORD OS_PROJECT_NAME
export OS_AUTH_URL=${keystoneUrl(region)}
export OS_AUTH_TYPE=password
export OS_IDENTITY_API_VERSION=3
export OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME=Default
export OS_REGION_NAME=${region.name}
export OS_INTERFACE=public
unset OS_CLOUD
`;
}
