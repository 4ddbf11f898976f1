// Connections to PostgreSQL, by its own client.
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import pg from 'pg';
import type { OpenSession, Row, SessionSettings } from '../session.ts';

export const postgresqlSession: OpenSession = (settings, onEnd) => {
  const socket = new Socket();
  let client: pg.Client | undefined;
  return {
    open: async () => {
      const { ssl, ...rest } = await clientConfig(settings);
      // Not by `connectionTimeoutMillis`: that would be a clock of the client's own.
      client = new pg.Client({ ...rest, ssl, stream: () => socket } as pg.ClientConfig);
      client.on('error', onEnd);
      client.on('end', onEnd);
      await client.connect();
    },
    query: async (text, values) => {
      if (client === undefined) throw new Error('The session is not open.');
      // A walsender knows the simple protocol only, which is what a query without values uses.
      const { rows } = values.length === 0 ? await client.query(text) : await client.query(text, [...values]);
      return rows as Row[];
    },
    destroy: () => socket.destroy(),
  };
};

async function clientConfig(settings: SessionSettings): Promise<pg.ClientConfig & { readonly replication?: string }> {
  if (settings.kind === 'local') {
    const options = Object.entries(settings.settings).map(([name, value]) => `-c ${name}=${value}`);
    return {
      ...{ host: settings.socketFolder, port: settings.port, user: settings.user, database: settings.database },
      ...{ application_name: 'argosy agent', options: options.join(' '), ssl: false },
    };
  }
  const { address, port, user, serverName, root, certificate, key } = settings;
  const [ca, cert, privateKey] = await Promise.all([root, certificate, key].map((path) => readFile(path, 'utf8')));
  return {
    ...{ host: address, port, user },
    ...(settings.kind === 'member' ? { database: 'postgres' } : { database: 'replication', replication: 'true' }),
    ssl: { ca, cert, key: privateKey, servername: serverName } as NonNullable<pg.ClientConfig['ssl']>,
  };
}
