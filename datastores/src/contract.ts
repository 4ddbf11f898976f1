// The third door of this package: the contract that every engine passes, for the tests of whoever has members.
export { type ContractCase, contractCases } from './contract/cases.ts';
export { ContractCluster } from './contract/cluster.ts';
export type {
  ContractMember,
  ContractPosition,
  ContractReport,
  ContractWorld,
  EngineFixture,
  SmallDisk,
  TenantClient,
  TenantPlace,
} from './contract/fixture.ts';
export { fixtures } from './contract/fixtures.ts';
