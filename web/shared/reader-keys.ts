/** The keys of the reader, and their actions. */

export type ReaderAction =
  | "next-trace"
  | "previous-trace"
  | "next-span"
  | "previous-span"
  | "next-annotation";

const KEYS: Readonly<Record<string, ReaderAction>> = {
  ArrowRight: "next-trace",
  ArrowLeft: "previous-trace",
  j: "next-trace",
  k: "previous-trace",
  n: "next-span",
  p: "previous-span",
  a: "next-annotation",
};

/** The action of a key. Undefined for keys that belong to the browser or to a field. */
export function readerKey(event: KeyboardEvent): ReaderAction | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const target = event.target instanceof Element ? event.target : undefined;
  if (target?.closest("select, textarea, input, .scroll") !== null && target !== undefined) return undefined;
  return KEYS[event.key];
}
