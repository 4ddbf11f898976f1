/** The TCP port on which an agent listens, on its member's own address. */
export const AGENT_PORT = 8791;
