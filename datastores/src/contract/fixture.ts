// What the contract must know of an engine, and of the members that it is tried on. The cases are the same for all: what
// differs is here, and is little.
import type { Accounts, AccountsDefinition } from '../accounts.ts';

/** Where and as whom a tenant connects. */
export interface TenantPlace {
  readonly address: string;
  readonly port: number;
  /** The authority that signed the server's certificate, PEM. */
  readonly root: string;
  readonly user: string;
  readonly password: string;
  /** Absent: the cluster's first. */
  readonly database?: string;
}

/** A tenant's connection, which writes numbers into one place. */
export interface TenantClient {
  /** Acknowledged by the cluster when this answers. */
  write(number: number): Promise<void>;
  numbers(): Promise<number[]>;
  close(): void;
}

/** How a tenant comes in, and how data are damaged: what every engine has. */
export interface TenantFixture {
  readonly datastore: string;
  readonly version: string;
  readonly port: number;
  /** @throws Error when the server does not admit the client */
  connect(place: TenantPlace): Promise<TenantClient>;
  /** The same without TLS, which no server admits. */
  connectInTheOpen(place: TenantPlace): Promise<TenantClient>;
  /** Makes the data of a server that does not run unreadable. */
  damage(dataFolder: string): Promise<void>;
  /** Writes until a disk with hardly any room is full; answers when a write was refused, or none was. */
  fill(place: TenantPlace): Promise<void>;
}

/** Of an engine that rules itself. One entry an engine, in `datastores/src/<engine>/contract-fixture.ts`. */
export interface RuledFixture extends TenantFixture {
  /** What members show each other, where that is not each one's own certificate; read from a volume. PEM. */
  peerCertificate?(volume: string): Promise<{ readonly certificate: string; readonly key: string }>;
  /** Members that have all stopped do not come back by themselves: one of them begins anew. */
  readonly isRefounded: boolean;
  /** Parameters with which a server must start anew, and some with which it does not start. */
  readonly parameters: {
    readonly good: Readonly<Record<string, string>>;
    readonly bad: Readonly<Record<string, string>>;
  };
}

export interface FixtureParameter {
  readonly name: string;
  readonly value: string;
  /** How the server tells that value. */
  readonly told: string;
}

/** One entry an engine, in `datastores/src/<engine>/contract-fixture.ts`. */
export interface EngineFixture extends TenantFixture {
  /** Whether a primary without its voters acknowledges nothing, or alone what it can. */
  readonly commits: 'quorum' | 'alone';
  /** Whether a primary whose server was killed leads on in its epoch, or waits for another to be elected. */
  readonly afterCrash: 'restarts' | 'waits';
  /** How a member comes back whose log went another way. */
  readonly rejoins: 'rewound' | 'copied';
  /** None is the default: one that comes into force at once, and one with which the server must start anew. */
  readonly parameters: { readonly live: FixtureParameter; readonly restart: FixtureParameter };
  /** A parameter as the server itself tells it to the tenant. */
  parameterOf(place: TenantPlace, name: string): Promise<string>;
  /** The database, or what stands for one, in which users of it write their numbers. */
  readonly database: string;
}

export interface ContractPosition {
  readonly epoch: number;
  readonly value: string;
}

export interface ContractReport {
  readonly time?: Date | undefined;
  readonly up: boolean;
  readonly open: boolean;
  readonly epoch: number;
  readonly detail: string;
  readonly position?: ContractPosition | undefined;
  readonly streams: readonly { readonly memberId: string; readonly streaming: boolean }[];
}

/** A member with its real agent and its real server. */
export interface ContractMember {
  readonly memberId: string;
  readonly address: string;
  readonly volume: string;
  initialise(version?: string): Promise<void>;
  promote(
    epoch: number,
    generation: number,
    options: {
      voters: ContractMember[];
      admin?: { readonly name: string; readonly verifier: string; readonly generation: number };
    },
  ): Promise<ContractPosition>;
  seed(epoch: number, generation: number, primary: ContractMember): Promise<ContractPosition>;
  follow(epoch: number, generation: number, primary: ContractMember): Promise<ContractPosition>;
  promise(epoch: number): Promise<ContractPosition>;
  open(epoch: number, generation: number): Promise<ContractPosition>;
  /** True: nothing was changed, for the server would have to start anew and may not. */
  setParameters(
    epoch: number,
    change: {
      readonly generation: number;
      readonly values: Readonly<Record<string, string>>;
      readonly mayRestart: boolean;
    },
  ): Promise<boolean>;
  setAccounts(epoch: number, accounts: Accounts): Promise<void>;
  /** Follows, and is brought back first when its log went another way. Answers how that was done. */
  comeBack(epoch: number, generation: number, primary: ContractMember): Promise<'followed' | 'rewound' | 'copied'>;
  report(isWanted: (report: ContractReport) => boolean): Promise<ContractReport>;
  /** The agent alone; the server runs on. */
  killAgent(): Promise<void>;
  endAgent(): Promise<void>;
  start(): void;
  serverPid(): Promise<number | undefined>;
}

/** A member of a cluster whose engine rules itself. */
export interface RuledContractMember {
  readonly memberId: string;
  readonly address: string;
  readonly volume: string;
  found(
    admin: { readonly name: string; readonly verifier: string; readonly generation: number },
    version?: string,
  ): Promise<void>;
  join(peers: readonly RuledContractMember[], epoch?: number): Promise<void>;
  /** Its word that its server does not run before it is told to, and how far its data reach. */
  promise(epoch: number): Promise<ContractPosition>;
  /** Begins the cluster anew from its own data. */
  refound(epoch: number): Promise<void>;
  /** Has the engine count that one no more. */
  dismiss(leaver: RuledContractMember): Promise<void>;
  setParameters(generation: number, values: Readonly<Record<string, string>>): Promise<void>;
  /** A command for members of another kind of cluster. */
  open(): Promise<ContractPosition>;
  report(isWanted: (report: ContractReport) => boolean): Promise<ContractReport>;
  /** The agent alone; the server runs on. */
  killAgent(): Promise<void>;
  endAgent(): Promise<void>;
  start(): void;
  serverPid(): Promise<number | undefined>;
  /** Of an agent that has ended; afterwards it begins on an empty volume. */
  loseVolume(): Promise<void>;
}

export interface RuledWorld {
  readonly fixture: RuledFixture;
  readonly members: readonly [RuledContractMember, RuledContractMember, RuledContractMember];
  /** Where members dial each other. */
  readonly peerPort: number;
  /** Certificates of members, of this cluster and of another of the same federation: PEM. */
  readonly own: { readonly certificate: string; readonly key: string };
  readonly stranger: { readonly certificate: string; readonly key: string };
  readonly password: string;
  readonly root: string;
  verifier(password: string): string;
  /** Gives the third member a small disk of its own; undefined where that cannot be done here. */
  giveDisk(): Promise<SmallDisk | undefined>;
  /** Of the datastore's definition, as it is where the engine rules itself. */
  comparePositions(left: ContractPosition, right: ContractPosition): number;
}

export interface SmallDisk {
  /** Leaves hardly any room. */
  fill(): Promise<void>;
  free(): Promise<void>;
}

/** Who tries the contract: it has members, and says what came out. */
export interface ContractWorld {
  readonly fixture: EngineFixture;
  readonly members: readonly [ContractMember, ContractMember, ContractMember];
  readonly password: string;
  readonly root: string;
  /** Of the datastore's definition. */
  comparePositions(left: ContractPosition, right: ContractPosition): number;
  verifier(password: string): string;
  readonly accounts: AccountsDefinition;
  /** Gives the first member a small disk of its own; undefined where that cannot be done here. */
  giveDisk(): Promise<SmallDisk | undefined>;
}
