// Where a member's files are. What we own lies outside the data directory, so that a copy of the primary's data never
// brings the primary's settings along.
import { join } from 'node:path';

export interface Layout {
  readonly data: string;
  readonly configFile: string;
  /** What the server does before anybody can connect. */
  readonly startFile: string;
  /** The template that the data began as, while the log has all that came since. */
  readonly birthFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly rootFile: string;
  readonly logFile: string;
  readonly pidFile: string;
  /** What the log of a former primary held too much; the agent's own. */
  readonly tailsFolder: string;
  /** Where a copy that is made of these data keeps its own notes. */
  readonly copyFolder: string;
  /** Our folders, which the database's user owns. */
  readonly folders: readonly string[];
  readonly socketFolder: string;
  readonly socket: string;
}

/** Linux' limit on a Unix socket's path (sockaddr_un.sun_path, less the closing zero). */
export const SOCKET_PATH_BYTES = 107;

export function layoutOf(volume: string, runFolder: string): Layout {
  const [data, config, tls, log, copy] = ['data', 'config', 'tls', 'log', 'copy'].map((name) => join(volume, name)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const socketFolder = join(runFolder, 'db');
  return {
    data,
    configFile: join(config, 'mariadb.cnf'),
    startFile: join(config, 'start.sql'),
    birthFile: join(config, 'birth'),
    certificateFile: join(tls, 'certificate.pem'),
    keyFile: join(tls, 'key.pem'),
    rootFile: join(tls, 'root.pem'),
    logFile: join(log, 'mariadb.log'),
    pidFile: join(data, 'mariadbd.pid'),
    tailsFolder: join(volume, 'tails'),
    copyFolder: copy,
    folders: [data, config, tls, log, copy],
    socketFolder,
    socket: join(socketFolder, 'mariadb.sock'),
  };
}
