// What a guest boots: the program that the build put beside this file.
import { join } from 'node:path';
import { KEEP, keepCompiled, runProgram } from './load.ts';

/** The build's word. */
declare const PROGRAM: string;

const file = join(__dirname, `${PROGRAM}.cjs`);
const cacheFile = join(__dirname, `${PROGRAM}.cache`);
const script = runProgram(file, cacheFile);
if (process.argv[2] === KEEP) process.once('exit', () => keepCompiled(script, cacheFile));
