/** Where every member answers as a Sentinel does. */
export const SENTINEL_PORT = 26_379;
/** The name by which a Sentinel is asked for the cluster's primary. */
export const SENTINEL_MASTER = 'argosy';
