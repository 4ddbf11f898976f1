// Messages of the clients' API as REST's JSON, and back. Both say the same in the same words: a message in protobuf's
// JSON form has REST's field names, so only three things differ, and they are all here. An enum's value is a word
// (`SURVIVE_REGION` is `region`; a status keeps its upper case), what is not given is left out, and a list that can be
// absent is a message of its own.

import { descriptorSet } from '@argosy/proto';
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';

const PACKAGE = 'argosy.v2.';
const ABSENT_OR_LIST = 'argosy.v2.Names';

export class Messages {
  readonly #registry: FileRegistry = createFileRegistry(descriptorSet());

  /** The services of the clients' API. */
  services(): DescService[] {
    return [...this.#registry].filter(
      (each): each is DescService => each.kind === 'service' && each.typeName.startsWith(PACKAGE),
    );
  }

  message(name: string): DescMessage {
    const message = this.#registry.getMessage(PACKAGE + name);
    if (message === undefined) throw new Error(`There is no message ${name}.`);
    return message;
  }
}

/** @throws Error for bytes that are no such message */
export function decode(message: DescMessage, bytes: Uint8Array): JsonObject {
  const json = toJson(message, fromBinary(message, bytes), { useProtoFieldName: true });
  return translate(message, json as JsonObject, fromProtobuf);
}

/** Of JSON as REST answers it. Fields that the message does not have are left out. @throws Error */
export function encode(message: DescMessage, json: JsonObject): Buffer {
  return Buffer.from(toBinary(message, fromJson(message, translate(message, json, toProtobuf))));
}

/** The word that REST has for an enum's value; undefined for the one that says nothing. */
export function wordOf(description: DescEnum, name: string): string | undefined {
  const word = name.slice(description.sharedPrefix?.length ?? 0);
  if (word === 'UNSPECIFIED') return undefined;
  return description.name.endsWith('Status') ? word : word.toLowerCase();
}

type Translate = (field: DescField, value: JsonValue) => JsonValue | undefined;

function translate(message: DescMessage, json: JsonObject, one: Translate): JsonObject {
  const translated: JsonObject = {};
  for (const field of message.fields) {
    const value = json[field.name];
    if (value === undefined || value === null) continue;
    const made = Array.isArray(value) ? value.flatMap((each) => one(field, each) ?? []) : one(field, value);
    if (made !== undefined) translated[field.name] = made;
  }
  return translated;
}

function fromProtobuf(field: DescField, value: JsonValue): JsonValue | undefined {
  // The number of a value that there is not stays a number, which no reader takes.
  if (field.enum !== undefined) return typeof value === 'string' ? wordOf(field.enum, value) : value;
  if (field.message === undefined || !isObject(value)) return value;
  if (field.message.typeName === ABSENT_OR_LIST) return value.names ?? [];
  return translate(field.message, value, fromProtobuf);
}

function toProtobuf(field: DescField, value: JsonValue): JsonValue | undefined {
  if (field.enum !== undefined) return `${field.enum.sharedPrefix ?? ''}${value}`.toUpperCase();
  if (field.message === undefined || !isObject(value)) return value;
  return translate(field.message, value, toProtobuf);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
