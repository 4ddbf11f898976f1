// What Debian's packages of an engine are: one entry an engine, all of them in packagings.ts.

/** Where an engine's programs run. */
export interface ProgramPlace {
  /** The folder that the programs' names begin at. */
  readonly bin: string;
  readonly libraryPath: string | null;
}

/** How the archive of an empty database is made: unpacking it takes a fraction of what making one does. */
export interface TemplateRecipe {
  /** The program that fills an empty folder, by its name from `bin` on, and its arguments. */
  program(folder: string, bin: string): { readonly name: string; readonly arguments: readonly string[] };
  /** What is left out of the archive, as tar's patterns. */
  readonly exclude: readonly string[];
}

export interface Packaging {
  packages(version: string): readonly string[];
  /** Where the programs' names begin, in a tree that is laid out as the system is. */
  bin(root: string, version: string): string;
  /** Every program that the driver runs, by its name from `bin` on. */
  readonly programs: readonly string[];
  /** Files that a program loads because it is told to, by their names from `bin` on; absent: none. */
  readonly loaded?: readonly string[];
  /** Of the programs, the ones that tell their version when they are asked by `--version`. */
  readonly asked: readonly string[];
  /** The release in what one of `asked` prints, such as "15.18"; undefined when it is not this engine's. */
  release(printed: string): string | undefined;
  /** Null where an empty database is made at once. */
  readonly template: TemplateRecipe | null;
}
