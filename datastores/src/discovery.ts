// How clients of an engine find the primary in the engine's own way, beside the gate: a service on every member that
// answers from what the member itself knows, so that it holds with every gateway and executor dead.
import type { ServerCertificate } from './driver.ts';

export interface DiscoveryMember {
  readonly memberId: string;
  readonly address: string;
  /** Of its database. */
  readonly port: number;
}

/** What one member knows of its cluster. */
export interface DiscoveryView {
  readonly own: DiscoveryMember;
  /** Undefined while nobody is known to lead the newest epoch that the member has heard of. */
  readonly primary: DiscoveryMember | undefined;
  /** Those that the member knows to copy that primary. */
  readonly replicas: readonly DiscoveryMember[];
  /** Members that answer as well. */
  readonly others: readonly DiscoveryMember[];
}

export interface DiscoveryParts {
  readonly address: string;
  readonly view: () => DiscoveryView;
  readonly certificate: ServerCertificate;
}

export interface Discovery {
  /** @throws Error when the port is taken */
  listen(): Promise<void>;
  /** What is known may have changed. */
  look(): void;
  renew(certificate: ServerCertificate): void;
  close(): void;
}
