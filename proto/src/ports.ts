/** The TCP port on which an agent listens, on its member's own address. */
export const AGENT_PORT = 8791;

/** The TCP port, on the same address, that leads clients to whoever is the cluster's primary. */
export const GATE_PORT = 6432;

/** Where a server listens whose clients come in through a door on `port`. */
export function behindDoor(port: number): number {
  return port + 1;
}
