// A process that saves entries one after another and prints the index of each that is durable, until it is killed.
import { stdout } from 'node:process';
import { realDisk } from './disk.ts';
import { DurableLog } from './durable-log.ts';

const directory = process.argv[2];
if (directory === undefined) throw new Error('The first argument is the directory.');

const onFatal = (error: Error) => {
  throw error;
};
const { log, recovered } = await DurableLog.open({ id: 1, directory, disk: realDisk, segmentBytes: 4096, onFatal });
for (let index = (recovered.entries.at(-1)?.index ?? 0) + 1; ; index += 1) {
  const hardState = { term: 1, vote: 1, commit: 0 };
  await log.save({ hardState, entries: [{ index, term: 1, data: Buffer.from(`entry ${index}`) }] });
  stdout.write(`${index}\n`);
}
