// What a member's agent answers to clients that ask Redis Sentinel who leads: the same questions, the same shapes, and
// nothing that Sentinel would do by itself, for here the cluster's own election decides. Pure: a session is a function of
// what was asked before and of what the member knows.
// https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
import type { DiscoveryMember, DiscoveryView } from '../discovery.ts';
import { SENTINEL_PORT } from './endpoints.ts';
import type { Protocol, Reply } from './resp.ts';

/** The name by which Sentinel's own documents call what is watched. */
export const MASTER_NAME = 'mymaster';

const SWITCHED = '+switch-master';
const VERSION = '7.0.15';
const MAX_SUBSCRIPTIONS = 64;
/** Of a Sentinel that watches alone: it needs no other to say who leads. */
const QUORUM = '1';

type Answer = (args: readonly string[], session: SentinelSession) => Reply | readonly Told[];

/** A reply that is one of several to one command. */
interface Told {
  readonly told: Reply;
}

export class SentinelSession {
  readonly channels = new Set<string>();
  readonly patterns = new Set<string>();
  readonly view: () => DiscoveryView;
  protocol: Protocol = 2;
  isOver = false;

  constructor(view: () => DiscoveryView) {
    this.view = view;
  }

  /** What is sent for a command, in order. */
  answer([name = '', ...args]: readonly string[]): Reply[] {
    const answer = COMMANDS[name.toUpperCase()];
    if (answer === undefined) return [{ error: `ERR unknown command '${name.slice(0, 64)}'` }];
    const given = answer(args, this);
    return isTold(given) ? given.map(({ told }) => told) : [given];
  }

  /** What a subscriber is sent when another leads; undefined when it has not asked for that. */
  switched(from: DiscoveryMember, to: DiscoveryMember): Reply[] {
    const message = [MASTER_NAME, from.address, from.port, to.address, to.port].join(' ');
    const direct: Reply[] = this.channels.has(SWITCHED) ? [{ message: ['message', SWITCHED, message] }] : [];
    const matched = [...this.patterns].filter((pattern) => matches(pattern, SWITCHED));
    return [...direct, ...matched.map((pattern): Reply => ({ message: ['pmessage', pattern, SWITCHED, message] }))];
  }
}

const OK: Reply = { simple: 'OK' };

const COMMANDS: Readonly<Record<string, Answer>> = {
  PING: ([text], { channels, patterns, protocol }) => {
    if (protocol === 2 && channels.size + patterns.size > 0) return ['pong', text ?? ''];
    return text === undefined ? { simple: 'PONG' } : text;
  },
  HELLO: hello,
  AUTH: () => ({ error: 'ERR AUTH called without any password configured: who leads is told to everybody' }),
  CLIENT: ([what = '']) => (what.toUpperCase() === 'ID' ? 1 : OK),
  SELECT: () => OK,
  COMMAND: () => [],
  ROLE: () => ['sentinel', [MASTER_NAME]],
  INFO: (_args, { view }) => info(view()),
  QUIT: (_args, session) => {
    session.isOver = true;
    return OK;
  },
  SUBSCRIBE: (names, session) => subscribe('subscribe', names, session.channels, session),
  PSUBSCRIBE: (names, session) => subscribe('psubscribe', names, session.patterns, session),
  UNSUBSCRIBE: (names, session) => unsubscribe('unsubscribe', names, session.channels, session),
  PUNSUBSCRIBE: (names, session) => unsubscribe('punsubscribe', names, session.patterns, session),
  SENTINEL: ([what = '', ...args], session) => {
    const answer = SENTINEL[what.toUpperCase()];
    return answer === undefined ? unknownSubcommand(what) : answer(args, session);
  },
};

const SENTINEL: Readonly<Record<string, Answer>> = {
  'GET-MASTER-ADDR-BY-NAME': ([name], { view }) => {
    const { primary } = view();
    return name !== MASTER_NAME || primary === undefined ? null : [primary.address, String(primary.port)];
  },
  MASTERS: (_args, { view }) => [watched(view())],
  MASTER: named(({ view }) => watched(view())),
  REPLICAS: named(({ view }) => replicas(view())),
  SLAVES: named(({ view }) => replicas(view())),
  SENTINELS: named(({ view }) => view().others.map(sentinel)),
  CKQUORUM: named(({ view }) =>
    view().primary === undefined
      ? { error: 'NOQUORUM Nobody leads the cluster now.' }
      : { simple: 'OK 1 usable Sentinels. Quorum and failover authorization can be reached' },
  ),
  MYID: (_args, { view }) => view().own.memberId,
};

function named(answer: (session: SentinelSession) => Reply): Answer {
  return ([name], session) => (name === MASTER_NAME ? answer(session) : { error: 'ERR No such master with that name' });
}

function unknownSubcommand(what: string): Reply {
  const means = 'the cluster elects its primary itself: see `argosy cluster switchover` and `argosy cluster failover`';
  return { error: `ERR Unknown sentinel subcommand '${what.slice(0, 64)}'; ${means}` };
}

function hello([version]: readonly string[], session: SentinelSession): Reply {
  if (version !== undefined && version !== '2' && version !== '3') {
    return { error: 'NOPROTO unsupported protocol version' };
  }
  if (version !== undefined) session.protocol = version === '3' ? 3 : 2;
  const told = { server: 'redis', version: VERSION, proto: session.protocol, id: 1, mode: 'sentinel', role: 'master' };
  return { fields: Object.entries({ ...told, modules: [] }) };
}

function subscribe(kind: string, names: readonly string[], to: Set<string>, session: SentinelSession): Told[] {
  return names.map((name) => {
    if (to.size >= MAX_SUBSCRIPTIONS) return { told: { error: `ERR no more than ${MAX_SUBSCRIPTIONS} subscriptions` } };
    to.add(name);
    return { told: { message: [kind, name, session.channels.size + session.patterns.size] } };
  });
}

function unsubscribe(kind: string, names: readonly string[], from: Set<string>, session: SentinelSession): Told[] {
  const gone = names.length > 0 ? names : [...from];
  const count = (): number => session.channels.size + session.patterns.size;
  if (gone.length === 0) return [{ told: { message: [kind, null, count()] } }];
  return gone.map((name) => {
    from.delete(name);
    return { told: { message: [kind, name, count()] } };
  });
}

function watched({ primary, replicas: copies, others }: DiscoveryView): Reply {
  // Clients take no address from one that is down.
  const { memberId, address, port } = primary ?? { memberId: '', address: '0.0.0.0', port: 0 };
  return fields({
    ...{ name: MASTER_NAME, ip: address, port: String(port), runid: memberId },
    ...{ flags: primary === undefined ? 'master,s_down,o_down' : 'master', 'role-reported': 'master' },
    ...{ 'num-slaves': String(copies.length), 'num-other-sentinels': String(others.length), quorum: QUORUM },
  });
}

function replicas({ primary, replicas: copies }: DiscoveryView): Reply {
  return copies.map(({ memberId, address, port }) =>
    fields({
      ...{ name: `${address}:${port}`, ip: address, port: String(port), runid: memberId, flags: 'slave' },
      ...{ 'role-reported': 'slave', 'master-link-status': primary === undefined ? 'err' : 'ok' },
      ...{ 'master-host': primary?.address ?? '?', 'master-port': String(primary?.port ?? 0), 'slave-priority': '100' },
    }),
  );
}

function sentinel({ memberId, address }: DiscoveryMember): Reply {
  return fields({ name: memberId, ip: address, port: String(SENTINEL_PORT), runid: memberId, flags: 'sentinel' });
}

function fields(values: Readonly<Record<string, string>>): Reply {
  return { fields: Object.entries(values) };
}

function info({ primary, replicas: copies, others }: DiscoveryView): string {
  const address = primary === undefined ? '?' : `${primary.address}:${primary.port}`;
  const status = primary === undefined ? 'odown' : 'ok';
  return [
    ...['# Server', `redis_version:${VERSION}`, 'redis_mode:sentinel', '# Sentinel', 'sentinel_masters:1'],
    `master0:name=${MASTER_NAME},status=${status},address=${address},slaves=${copies.length},sentinels=${others.length + 1}`,
    '',
  ].join('\r\n');
}

/** A pattern of Redis', which knows `*`, `?` and `[...]`. */
function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  try {
    return new RegExp(`^${source}$`).test(name);
  } catch {
    return pattern === name;
  }
}

function isTold(given: Reply | readonly Told[]): given is readonly Told[] {
  return Array.isArray(given) && given.length > 0 && given.every(isToldOne);
}

function isToldOne(item: unknown): item is Told {
  return typeof item === 'object' && item !== null && 'told' in item;
}
