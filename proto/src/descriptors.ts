// What all our .proto files say, as `protoc` understood it: for those who have to know a message's fields at run time.
import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, type FileDescriptorSet, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Reads the file anew at each call. */
export function descriptorSet(): FileDescriptorSet {
  const bytes = readFileSync(new URL('../src/generated/descriptors.binpb', import.meta.url));
  return fromBinary(FileDescriptorSetSchema, bytes);
}

/** Each file as bytes, those that it imports before it. */
export function fileDescriptors(): Buffer[] {
  return descriptorSet().file.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)));
}
