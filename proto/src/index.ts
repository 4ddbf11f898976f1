export { type Clock, pause, systemClock, type Timer } from './clock.ts';
export { descriptorSet } from './descriptors.ts';
export {
  type Caller,
  type ForwardRequest,
  type ForwardResponse,
  type HeardMember,
  type MeasuredWay,
  PeerServiceClient,
  type PeerServiceServer,
  PeerServiceService,
} from './generated/argosy/gateway/v1/peer.ts';
export {
  AgentServiceClient,
  type AgentServiceServer,
  AgentServiceService,
  type CopyRequest,
  type CopyResponse,
  type DismissRequest,
  type DismissResponse,
  type Divergence,
  type EnrolResponse,
  type FollowRequest,
  type FollowResponse,
  type FoundRequest,
  type FoundResponse,
  type GrantLeaseRequest,
  type GrantLeaseResponse,
  type InitialiseRequest,
  type InitialiseResponse,
  type JoinRequest,
  type JoinResponse,
  type LeaseReport,
  type MemberReport,
  type OpenRequest,
  type OpenResponse,
  type PromiseRequest,
  type PromiseResponse,
  type PromoteRequest,
  type PromoteResponse,
  type RefoundRequest,
  type RefoundResponse,
  type RehearseRequest,
  type RehearseResponse,
  RejoinMethod,
  type RejoinRequest,
  type RejoinResponse,
  type ReplicaStream,
  type RestRequest,
  type RestResponse,
  type ReturnLeaseRequest,
  type ReturnLeaseResponse,
  type SeedRequest,
  type SeedResponse,
  type SetAccountsRequest,
  type SetAccountsResponse,
  type SetParametersRequest,
  type SetParametersResponse,
  type Tail,
  type WriterReport,
} from './generated/argosy/member/v1/agent.ts';
export {
  type AdminUser,
  type CommandHeader,
  MemberKind,
  MemberRole,
  type Peer,
  type Position,
  type Rule,
} from './generated/argosy/member/v1/member.ts';
export {
  AgentState,
  type AuditRequest,
  type CommandMemberRequest,
  type CommandMemberResponse,
  type EnsureMemberRequest,
  type EnsureMemberResponse,
  ExecutorServiceClient,
  type ExecutorServiceServer,
  ExecutorServiceService,
  type Flavor,
  type KnownCluster,
  type KnownMember,
  type MemberObservation,
  type MemberSpec,
  type ObserveResponse,
  type Orphan,
  type RegionPeer,
  type RegionReport,
  type RemoveMemberRequest,
  type RemoveMemberResponse,
  type RoundTrip,
  type Zone,
} from './generated/argosy/region/v1/executor.ts';
export {
  ClusterServiceService,
  ClusterStatus,
  DurabilityMode,
  MemberRole as ClusterMemberRole,
  Plan as ClusterPlan,
  Survive,
} from './generated/argosy/v2/clusters.ts';
export { Consistency } from './generated/argosy/v2/consistency.ts';
export { DatastoreServiceService } from './generated/argosy/v2/datastores.ts';
export { EventServiceService, type WatchRequest, type WatchResponse } from './generated/argosy/v2/events.ts';
export { OperationServiceService, OperationStatus } from './generated/argosy/v2/operations.ts';
export { QuotaServiceService } from './generated/argosy/v2/quotas.ts';
export { RegionServiceService } from './generated/argosy/v2/regions.ts';
export { BadRequest, ErrorInfo, RequestInfo, RetryInfo } from './generated/google/rpc/error_details.ts';
export { Status as RpcStatus } from './generated/google/rpc/status.ts';
export {
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthServer,
  HealthService,
} from './generated/grpc/health/v1/health.ts';
export { watchLifeline } from './lifeline.ts';
export { AGENT_PORT, behindDoor, GATE_PORT } from './ports.ts';
export {
  createRoot,
  createSigningRequest,
  enrolmentMac,
  enrolmentToken,
  isSameMac,
  issueLeaf,
  type KeyPair,
  requestPublicKey,
  selfSigned,
  signIntermediate,
  signLeaf,
  type Validity,
} from './trust/certificates.ts';
export {
  type AccessTable,
  type Authorise,
  accessControl,
  type Credentials,
  callerIdentity,
  callUnary,
  channelCredentials,
  channelOptions,
  RenewableServerCredentials,
  serverCredentials,
} from './trust/channel.ts';
export {
  certificateIdentity,
  GATEWAY_REALM,
  type Identity,
  identityUri,
  isRegionName,
  parseIdentity,
  serverName,
} from './trust/identity.ts';
export {
  createRegionRequest,
  isPair,
  type RegionAuthority,
  readRegionAuthority,
  signRegionRequest,
  TrustError,
} from './trust/region-request.ts';
