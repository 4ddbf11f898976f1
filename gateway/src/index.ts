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
export { Federation } from './state/federation.ts';
