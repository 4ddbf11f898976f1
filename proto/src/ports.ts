/** The TCP port on which an agent listens, on its member's own address. */
export const AGENT_PORT = 8791;

/** The TCP port, on the same address, that leads clients to whoever is the cluster's primary. */
export const GATE_PORT = 6432;
