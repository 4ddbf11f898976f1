// Where a member's files are. What we own lies outside the data directory, so that a copy of the primary's data never
// brings the primary's settings along.
import { join } from 'node:path';

export interface Layout {
  readonly data: string;
  readonly log: string;
  readonly configFile: string;
  readonly hbaFile: string;
  readonly identFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly rootFile: string;
  readonly logFile: string;
  /** With it, a server that starts is a replica. */
  readonly standbySignal: string;
  /** The server's own file of settings, which outranks ours: always empty. */
  readonly autoConfigFile: string;
  readonly walFolder: string;
  /** While it is there, the data were rewound and have not met the upstream of that epoch yet. */
  readonly rewoundFile: string;
  /** What the log of a former primary held too much; the agent's own. */
  readonly tailsFolder: string;
  /** Our folders, which the database's user owns. */
  readonly folders: readonly string[];
  readonly socketFolder: string;
}

/** Linux' limit on a Unix socket's path (sockaddr_un.sun_path, less the closing zero). */
export const SOCKET_PATH_BYTES = 107;

export function layoutOf(volume: string, runFolder: string): Layout {
  const [data, config, tls, log] = ['data', 'config', 'tls', 'log'].map((name) => join(volume, name)) as [
    string,
    string,
    string,
    string,
  ];
  return {
    data,
    log,
    configFile: join(config, 'postgresql.conf'),
    hbaFile: join(config, 'pg_hba.conf'),
    identFile: join(config, 'pg_ident.conf'),
    certificateFile: join(tls, 'certificate.pem'),
    keyFile: join(tls, 'key.pem'),
    rootFile: join(tls, 'root.pem'),
    logFile: join(log, 'postgresql.log'),
    standbySignal: join(data, 'standby.signal'),
    autoConfigFile: join(data, 'postgresql.auto.conf'),
    walFolder: join(data, 'pg_wal'),
    rewoundFile: join(config, 'rewound.json'),
    tailsFolder: join(volume, 'tails'),
    folders: [data, config, tls, log],
    socketFolder: join(runFolder, 'db'),
  };
}
