// A connection to a server of an engine, as a driver makes one. Real and simulated ones are siblings behind this.

export type Row = Readonly<Record<string, string | number | boolean | null>>;

export interface Session {
  /** @throws Error when the server does not accept it */
  open(): Promise<void>;
  query(text: string, values: readonly unknown[]): Promise<readonly Row[]>;
  /** Lets go of it at once, whatever is under way. */
  destroy(): void;
}

/** Whom a session is for, and how it is made. */
export type SessionSettings =
  | {
      /** To the member's own server, by its Unix socket. */
      readonly kind: 'local';
      readonly socketFolder: string;
      readonly port: number;
      readonly user: string;
      readonly database: string;
      /** The server's settings for this session, by name. */
      readonly settings: Readonly<Record<string, string>>;
    }
  | {
      /** To another member's server: by the replication protocol, or to its database `postgres`. */
      readonly kind: 'replication' | 'member';
      readonly address: string;
      readonly port: number;
      /** The name in its certificate. */
      readonly serverName: string;
      readonly user: string;
      /** Files, PEM. */
      readonly root: string;
      readonly certificate: string;
      readonly key: string;
    };

/** `onEnd` is called when an open session breaks. */
export type OpenSession = (settings: SessionSettings, onEnd: () => void) => Session;
