// The configuration files of Keystone and Heat, as text, and what is in Keystone before anybody signs in. Pure.
import type { OpenStackSettings } from './config.ts';

/** Drawn once for a deployment. */
export interface DeploymentSecrets {
  readonly heatPassword: string;
  readonly stackDomainPassword: string;
  /** 32 characters. */
  readonly encryptionKey: string;
}

export interface DeploymentFiles {
  readonly keystoneDatabase: string;
  readonly fernetKeys: string;
  readonly credentialKeys: string;
  readonly paste: string;
  /** An empty folder: Heat's own additions to every environment are not needed. */
  readonly nothing: string;
}

const HEAT_USER = 'heat';
const SERVICES_PROJECT = { id: 'f'.repeat(32), name: 'openstack-services' };
const STACK_DOMAIN = { id: 'e'.repeat(32), name: 'heat', user: 'heat_domain_admin' };

export function keystoneUrl({ keystone }: OpenStackSettings): string {
  return `http://${keystone.address}:${keystone.port}`;
}

/** A region of the deployment, with its own Heat. */
export type HeatSettings = Pick<OpenStackSettings, 'region' | 'heat' | 'catalog'>;

export function heatUrl({ heat }: Pick<HeatSettings, 'heat'>): string {
  return `http://${heat.address}:${heat.port}`;
}

/** What `keystone_process.py` makes when it is missing. */
export function keystoneSeed(settings: OpenStackSettings, secrets: DeploymentSecrets): unknown {
  const heat = { name: HEAT_USER, password: secrets.heatPassword, project: SERVICES_PROJECT.name };
  return {
    projects: [...settings.projects, SERVICES_PROJECT],
    users: [...settings.users, { ...heat, roles: ['admin', 'service'] }],
    stackDomain: { ...STACK_DOMAIN, password: secrets.stackDomainPassword },
    regions: [settings, ...settings.others].map((region) => ({
      name: region.region,
      catalog: [
        { type: 'identity', name: 'keystone', url: `${keystoneUrl(settings)}/v3` },
        { type: 'orchestration', name: 'heat', url: `${heatUrl(region)}/v1/%(project_id)s` },
        ...region.catalog,
      ],
    })),
  };
}

export function keystoneConfiguration(settings: OpenStackSettings, files: DeploymentFiles): string {
  return ini({
    database: { connection: `sqlite:///${files.keystoneDatabase}` },
    token: { provider: 'fernet', expiration: settings.tokenSeconds },
    fernet_tokens: { key_repository: files.fernetKeys },
    fernet_receipts: { key_repository: files.fernetKeys },
    credential: { key_repository: files.credentialKeys },
    cache: { enabled: 'true', backend: 'oslo_cache.dict' },
    security_compliance: {
      allow_insecure_application_credential_trust_escalation: String(settings.applicationTrusts),
    },
    // The cheapest that Keystone admits: nobody guesses passwords on a loopback address.
    identity: { password_hash_rounds: 4 },
  });
}

/** `own`: the region, and the file of its database. */
export function heatConfiguration(
  settings: OpenStackSettings,
  own: HeatSettings & { readonly database: string },
  { secrets, files }: { readonly secrets: DeploymentSecrets; readonly files: DeploymentFiles },
): string {
  const keystone = keystoneUrl(settings);
  const account = {
    auth_url: keystone,
    auth_type: 'password',
    username: HEAT_USER,
    password: secrets.heatPassword,
    user_domain_id: 'default',
  };
  return ini({
    DEFAULT: {
      // Messages stay in the process: no broker is needed, and none but API and engine together can talk.
      transport_url: 'fake://',
      num_engine_workers: 1,
      auth_encryption_key: secrets.encryptionKey,
      max_stacks_per_tenant: settings.maxStacks,
      enable_stack_adopt: String(settings.stackAdopt),
      // A server that goes into ERROR is made so many times more, ever later: by default five times, over a minute.
      action_retry_limit: 1,
      region_name_for_services: own.region,
      stack_user_domain_name: STACK_DOMAIN.name,
      stack_domain_admin: STACK_DOMAIN.user,
      stack_domain_admin_password: secrets.stackDomainPassword,
      environment_dir: files.nothing,
      template_dir: files.nothing,
      plugin_dirs: files.nothing,
    },
    heat_all: { enabled_services: 'engine,api' },
    paste_deploy: { api_paste_config: files.paste },
    database: { connection: `sqlite:///${own.database}` },
    // 0 would start a process for each core, which could not reach the engine.
    heat_api: { bind_host: own.heat.address, bind_port: own.heat.port, workers: 1 },
    keystone_authtoken: {
      ...account,
      www_authenticate_uri: keystone,
      project_name: SERVICES_PROJECT.name,
      project_domain_id: 'default',
    },
    trustee: account,
    clients_keystone: { auth_uri: keystone },
  });
}

/** What stands before Heat's API: the pipeline that Heat ships, without what nobody here uses. */
export function heatPaste(): string {
  const filter = (factory: string): Record<string, string> => ({ 'paste.filter_factory': factory });
  const heatFilter = (factory: string): Record<string, string> => ({
    ...filter('heat.common.wsgi:filter_factory'),
    'heat.filter_factory': factory,
  });
  return ini({
    'pipeline:heat-api': {
      pipeline: 'healthcheck request_id faultwrap versionnegotiation authurl authtoken context apiv1app',
    },
    'app:apiv1app': {
      'paste.app_factory': 'heat.common.wsgi:app_factory',
      'heat.app_factory': 'heat.api.openstack.v1:API',
    },
    'filter:healthcheck': filter('oslo_middleware:Healthcheck.factory'),
    'filter:request_id': filter('oslo_middleware.request_id:RequestId.factory'),
    'filter:faultwrap': heatFilter('heat.api.openstack:faultwrap_filter'),
    'filter:versionnegotiation': heatFilter('heat.api.openstack:version_negotiation_filter'),
    'filter:authurl': filter('heat.common.auth_url:filter_factory'),
    'filter:authtoken': filter('keystonemiddleware.auth_token:filter_factory'),
    'filter:context': filter('heat.common.context:ContextMiddleware_filter_factory'),
  });
}

function ini(sections: Readonly<Record<string, Readonly<Record<string, string | number>>>>): string {
  return Object.entries(sections)
    .map(([name, values]) => {
      const lines = Object.entries(values).map(([key, value]) => `${key} = ${value}`);
      return [`[${name}]`, ...lines, ''].join('\n');
    })
    .join('\n');
}
