// What every server of ours answers beside its own methods: whether it serves (grpc.health.v1) and what can be called
// (grpc.reflection.v1 and v1alpha), for clients that have none of our .proto files.
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { fileDescriptors } from './descriptors.ts';

const HEALTH = 'grpc.health.v1.Health';

/** The methods that `addIntrospection` adds, for tables of who may call what. */
export const INTROSPECTION_METHODS = [
  `/${HEALTH}/Check`,
  `/${HEALTH}/List`,
  `/${HEALTH}/Watch`,
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
] as const;

export interface Health {
  /** Of the server as a whole and of each of its services; whoever watches is told. */
  setServing(isServing: boolean): void;
}

/** Adds both to a server of these services, which serve until something else is said. */
export function addIntrospection(server: Server, services: readonly string[]): Health {
  const names = ['', ...services];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'SERVING'])));
  health.addToServer(server);
  addReflection(server, [...services, HEALTH]);
  let isTold = true;
  return {
    setServing: (isServing) => {
      if (isServing === isTold) return;
      isTold = isServing;
      for (const name of names) health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
    },
  };
}

/** Only the services that the server has are listed; messages are found whoever uses them. */
function addReflection(server: Server, services: string[]): void {
  // Of a package's definition the library reads the files' descriptors alone. It is given ours as protoc made them: its
  // own loader forgets which fields are optional.
  const files = { fileDescriptorProtos: fileDescriptors() };
  const definition = { files } as unknown as ConstructorParameters<typeof ReflectionService>[0];
  new ReflectionService(definition, { services }).addToServer(server);
}
