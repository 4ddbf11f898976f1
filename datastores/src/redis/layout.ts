// Where a member's files are.
import { join } from 'node:path';

export interface Layout {
  /** The server's folder: whoever still writes there is found by it. */
  readonly data: string;
  readonly configFile: string;
  readonly aclFile: string;
  /** What the driver must not forget of the data, and the secrets of the cluster. */
  readonly recordFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly rootFile: string;
  readonly logFile: string;
  readonly pidFile: string;
  readonly appendFolder: string;
  readonly snapshotFile: string;
  readonly tailsFolder: string;
  readonly folders: readonly string[];
  readonly socketFolder: string;
  readonly socket: string;
}

/** Linux' limit on a Unix socket's path (sockaddr_un.sun_path, less the closing zero). */
export const SOCKET_PATH_BYTES = 107;

export function layoutOf(volume: string, runFolder: string): Layout {
  const folder = (name: string): string => join(volume, name);
  const [data, config, tls, log] = [folder('data'), folder('config'), folder('tls'), folder('log')];
  const socketFolder = join(runFolder, 'db');
  return {
    data,
    configFile: join(config, 'redis.conf'),
    aclFile: join(config, 'users.acl'),
    recordFile: folder('redis.json'),
    certificateFile: join(tls, 'certificate.pem'),
    keyFile: join(tls, 'key.pem'),
    rootFile: join(tls, 'root.pem'),
    logFile: join(log, 'redis.log'),
    pidFile: join(log, 'redis.pid'),
    appendFolder: join(data, 'appendonlydir'),
    snapshotFile: join(data, 'dump.rdb'),
    tailsFolder: folder('tails'),
    folders: [data, config, tls, log],
    socketFolder,
    socket: join(socketFolder, 's'),
  };
}
