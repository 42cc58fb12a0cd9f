/** The options of a benchmark: a table of defaults and help lines, from which `--help` and the typed values are made. */
import { parseArgs } from "node:util";

/** One option, called by its name in the table: `pacedTokens` is `--paced-tokens`. */
export interface Option<T> {
  readonly help: string;
  /** The text that is read when the option is not given. Undefined for a flag, and for an option without a default. */
  readonly default: string | undefined;
  readonly isFlag: boolean;
  /** @throws Error that says what was expected. */
  readonly read: (text: string | undefined) => T;
}

export type Options = Readonly<Record<string, Option<unknown>>>;
export type Values<Table extends Options> = {
  readonly [Name in keyof Table]: ReturnType<Table[Name]["read"]>;
};

function option<T>(
  help: string,
  initial: string | undefined,
  read: (text: string | undefined) => T,
): Option<T> {
  return { help, default: initial, isFlag: false, read };
}

const positive = (text: string): number => {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && Number.isFinite(value)) return value;
  throw new Error(`it must be a number above 0, not ${JSON.stringify(text)}`);
};
const whole = (text: string): number => {
  const value = Number(text);
  if (/^\d+$/u.test(text)) return value;
  throw new Error(`it must be a whole number, not ${JSON.stringify(text)}`);
};
const among = <Name extends string>(names: readonly Name[], text: string): Name => {
  const found = names.find((name) => name === text);
  if (found !== undefined) return found;
  throw new Error(`it must be one of ${names.join(", ")}, not ${JSON.stringify(text)}`);
};
const split = (text: string): string[] => text.split(",").map((part) => part.trim());

/** A whole number. */
export const count = (initial: number, help: string): Option<number> =>
  option(help, String(initial), (text = "") => whole(text));

/** A whole number that need not be given. */
export const optionalCount = (help: string): Option<number | undefined> =>
  option(help, undefined, (text) => (text === undefined ? undefined : whole(text)));

/** Whole numbers, separated by commas. */
export const counts = (initial: readonly number[], help: string): Option<readonly number[]> =>
  option(help, initial.join(), (text = "") => split(text).map(whole));

/** A number above 0. */
export const amount = (initial: number, help: string): Option<number> =>
  option(help, String(initial), (text = "") => positive(text));

export const text = (initial: string, help: string): Option<string> =>
  option(help, initial, (given = "") => given);

/** One of some names; the first is the default. */
export const oneOf = <const Name extends string>(names: readonly Name[], help: string): Option<Name> =>
  option(`${help}: ${names.join(" or ")}`, names[0], (given = "") => among(names, given));

/** Some of some names, in their order; the default is all of them. */
export const someOf = <const Name extends string>(
  names: readonly Name[],
  help: string,
  initial: readonly Name[] = names,
): Option<readonly Name[]> =>
  option(`${help}: some of ${names.join(",")}`, initial.join(), (given = "") => {
    const wanted = new Set(split(given).map((one) => among(names, one)));
    return names.filter((name) => wanted.has(name));
  });

export const flag = (help: string): Option<boolean> => ({
  help,
  default: undefined,
  isFlag: true,
  read: (given) => given !== undefined,
});

const kebab = (name: string): string => name.replaceAll(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`);

/** @throws Error that names the option which is wrong. */
export function readOptions<Table extends Options>(table: Table, given: readonly string[]): Values<Table> {
  const { values } = parseArgs({
    args: [...given],
    options: Object.fromEntries(
      Object.entries(table).map(([name, { isFlag }]) => [
        kebab(name),
        { type: isFlag ? "boolean" : "string" } as const,
      ]),
    ),
  });
  const read = Object.entries(table).map(([name, one]) => {
    const value = values[kebab(name)];
    const asText = value === undefined ? one.default : String(value);
    try {
      return [name, one.read(asText)];
    } catch (error) {
      throw new Error(`--${kebab(name)}: ${(error as Error).message}`, { cause: error });
    }
  });
  return Object.fromEntries(read) as Values<Table>;
}

export function* optionHelp(table: Options): Generator<string> {
  const names = Object.entries(table).map(
    ([name, { isFlag }]) => `--${kebab(name)}${isFlag ? "" : " VALUE"}`,
  );
  const width = Math.max(...names.map(({ length }) => length));
  for (const [index, one] of Object.values(table).entries()) {
    const initial = one.default === undefined ? "" : ` (default: ${one.default})`;
    yield `  ${(names[index] ?? "").padEnd(width)}  ${one.help}${initial}`;
  }
}
