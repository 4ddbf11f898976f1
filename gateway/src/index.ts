export type { RegionWire } from './conductor/region-link.ts';
export { type GatewayConfig, readConfig } from './config.ts';
export { chooseDatabaseUser, type DatabaseUser } from './local/database-user.ts';
export {
  type FaultSet,
  type NetworkControl,
  NetworkControlError,
  networkControl,
} from './network/client.ts';
export { type Isolation, isolate, type LinkFault, type NetworkPlaces, OUTSIDE, type Place } from './network/faults.ts';
export { GatewayPeer, type PeerOptions } from './peer.ts';
export { type PlacementRequest, place } from './placement/place.ts';
export { plan } from './planning/cluster.ts';
export { Replica, type ReplicaOptions, type ReplicaWatcher } from './replica.ts';
export { clusterRoutes } from './rest/clusters.ts';
export { ApiError } from './rest/errors.ts';
export type { Route, RouteRequest, RouteResponse } from './rest/route.ts';
export type { Cluster } from './state/clusters.ts';
export type { Applied, Entry, EntryBody } from './state/entries.ts';
export { Federation } from './state/federation.ts';
export type { Operation } from './state/operations.ts';
