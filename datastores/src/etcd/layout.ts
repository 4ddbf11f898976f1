// Where a member's files are.
import { join } from 'node:path';

export interface Layout {
  /** The server's folder: whoever still writes there is found by it. */
  readonly data: string;
  /** What etcd keeps there. */
  readonly member: string;
  /** Where the first database is made. */
  readonly founding: string;
  /** The secret of the cluster. */
  readonly recordFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly rootFile: string;
  readonly logFile: string;
  readonly folders: readonly string[];
}

export function layoutOf(volume: string): Layout {
  const folder = (name: string): string => join(volume, name);
  const [data, tls, log] = [folder('data'), folder('tls'), folder('log')];
  return {
    data,
    member: join(data, 'member'),
    founding: folder('founding'),
    recordFile: folder('etcd.json'),
    certificateFile: join(tls, 'certificate.pem'),
    keyFile: join(tls, 'key.pem'),
    rootFile: join(tls, 'root.pem'),
    logFile: join(log, 'etcd.log'),
    folders: [data, tls, log],
  };
}
