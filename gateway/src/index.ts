export { type GatewayConfig, readConfig } from './config.ts';
export { GatewayPeer, type PeerOptions } from './peer.ts';
export { type PlacementRequest, place } from './placement/place.ts';
export { plan } from './planning/cluster.ts';
export { Federation } from './state/federation.ts';
