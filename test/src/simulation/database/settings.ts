// What a server's files say, read as PostgreSQL reads them.

export interface ServerSettings {
  /** How many, of which names; undefined: a commit waits for nobody. */
  readonly synchronous: { readonly count: number; readonly names: ReadonlySet<string> } | undefined;
  /** Undefined: nobody is followed. */
  readonly upstream: Readonly<Record<string, string>> | undefined;
  readonly conninfo: string;
  readonly slot: string;
}

export function readSettings(text: string): ServerSettings {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(\w+) = '(.*)'$/.exec(line);
    if (match !== null) values.set(match[1] ?? '', (match[2] ?? '').replaceAll("''", "'").replaceAll('\\\\', '\\'));
  }
  const conninfo = values.get('primary_conninfo') ?? '';
  return {
    synchronous: readNames(values.get('synchronous_standby_names') ?? ''),
    upstream: conninfo === '' ? undefined : readConninfo(conninfo),
    conninfo,
    slot: values.get('primary_slot_name') ?? '',
  };
}

function readNames(text: string): ServerSettings['synchronous'] {
  if (text === '') return undefined;
  const match = /^ANY (\d+) \((.*)\)$/.exec(text);
  if (match === null) throw new Error(`The model does not know synchronous_standby_names = '${text}'.`);
  const names = [...(match[2] ?? '').matchAll(/"([^"]*)"/g)].map((name) => name[1] ?? '');
  return { count: Number(match[1]), names: new Set(names) };
}

/** `name='value' name='value'`. */
export function readConninfo(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)='([^']*)'/g)].map((pair) => [pair[1] ?? '', pair[2] ?? '']));
}

/** Whether clients are let in; those of an asynchronous member come from its own address, by the door. */
export function isDoorOpen(hba: string): boolean {
  return /^hostssl all all \S+ scram-sha-256$/m.test(hba);
}
