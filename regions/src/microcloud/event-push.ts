// Pushes the events of stacks into the queues that their environments name, as Heat does with Zaqar: by the region's
// service of type `messaging`, with a token of the stack's owner. What is not taken is not told again.
import { createHttp } from '../openstack/http.ts';
import type { StackEventRecord, StackRecord } from './stack-records.ts';
import type { Tokens } from './tokens.ts';

const SECONDS_KEPT = 3_600;

interface EventSink {
  readonly type?: string;
  readonly target?: string;
  readonly ttl?: number;
}

export class EventPush {
  readonly #http = createHttp();
  readonly #tokens: Tokens;
  /** Undefined: the catalog has no such service. */
  readonly #messagingUrl: string | undefined;

  constructor(tokens: Tokens, messagingUrl: string | undefined) {
    this.#tokens = tokens;
    this.#messagingUrl = messagingUrl;
  }

  tell(stack: StackRecord, event: StackEventRecord): void {
    const url = this.#messagingUrl;
    const sinks = (stack.environment as { event_sinks?: readonly EventSink[] } | null)?.event_sinks ?? [];
    if (url === undefined || sinks.length === 0) return;
    const { text } = this.#tokens.issue({ userName: stack.owner, projectId: stack.projectId, methods: ['token'] });
    for (const { target, ttl } of sinks.filter(({ type }) => type === 'zaqar-queue')) {
      const message = { ttl: ttl ?? SECONDS_KEPT, body: bodyOf(stack, event) };
      const sent = this.#http.fetch({
        method: 'POST',
        url: `${url}/v2/queues/${target}/messages`,
        headers: { 'x-auth-token': text },
        body: { messages: [message] },
      });
      sent.catch(() => undefined);
    }
  }

  close(): Promise<void> {
    return this.#http.close();
  }
}

function bodyOf(stack: StackRecord, event: StackEventRecord): object {
  const at = event.status.indexOf('_');
  return {
    timestamp: event.time,
    version: '0.1',
    type: 'os.heat.event',
    id: event.id,
    payload: {
      resource_name: event.resourceName,
      logical_resource_id: event.resourceName,
      physical_resource_id: event.physicalId,
      resource_action: event.status.slice(0, at),
      resource_status: event.status.slice(at + 1),
      resource_status_reason: event.reason,
      stack_id: stack.id,
      version: '0.1',
    },
  };
}
