// Whose everything is, and what its maker has said of it besides what the model knows: one record for each server,
// port, volume and security group that was made through the faces.
import type { Collection } from '../collection.ts';

export type Kind = 'server' | 'port' | 'volume' | 'security-group' | 'server-group';

export interface Belonging {
  readonly id: string;
  readonly kind: Kind;
  readonly projectId: string;
  readonly name: string;
  readonly createdAt: string;
  /** Attributes that mean nothing on one machine and are told back as they were given. */
  readonly told: Readonly<Record<string, unknown>>;
}

export class Belongings {
  readonly #kept: Collection<Belonging>;

  constructor(kept: Collection<Belonging>) {
    this.#kept = kept;
  }

  of(projectId: string, kind: Kind): Belonging[] {
    return this.#kept.all().filter((one) => one.kind === kind && one.projectId === projectId);
  }

  /** Undefined when it is not there, or somebody else's: the two cannot be told apart. */
  find(projectId: string, kind: Kind, id: string): Belonging | undefined {
    const found = this.#kept.get(id);
    return found?.kind === kind && found.projectId === projectId ? found : undefined;
  }

  put(belonging: Belonging): void {
    this.#kept.put(belonging);
  }

  /** Adds to what is told. */
  tell(belonging: Belonging, told: Readonly<Record<string, unknown>>): void {
    this.#kept.put({ ...belonging, told: { ...this.#kept.get(belonging.id)?.told, ...told } });
  }

  remove(id: string): void {
    this.#kept.remove(id);
  }
}
