// The third door of this package: the contract that every engine passes, for the tests of whoever has members.
export { arbiterCases } from './contract/arbiter-cases.ts';
export { type ContractCase, contractCases } from './contract/cases.ts';
export { ContractCluster } from './contract/cluster.ts';
export type {
  ContractMember,
  ContractPosition,
  ContractReport,
  ContractWorld,
  EngineFixture,
  RuledContractMember,
  RuledFixture,
  RuledWorld,
  SmallDisk,
  TenantClient,
  TenantFixture,
  TenantPlace,
} from './contract/fixture.ts';
export { fixtures, ruledFixtures } from './contract/fixtures.ts';
export { type RuledCase, RuledCluster, ruledCases } from './contract/ruled-cases.ts';
