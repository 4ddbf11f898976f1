// Serves HTTP on one address: what the executor's admin API and microcloud's services have in common.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HttpServer {
  readonly port: number;
  readonly url: string;
  /** Stops to listen and ends every connection. */
  close(): Promise<void>;
}

/** Listens. Port 0: any free one. */
export async function serveHttp(
  answer: RequestListener,
  at: { readonly address: string; readonly port: number },
): Promise<HttpServer> {
  const server = createServer(answer);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => {
      server.close(() => resolve());
    });
  };
  return { port, url: `http://${at.address}:${port}`, close };
}
