/** A signal that follows several, until it is released: a long-lived one then keeps nothing of it. */
export function linkSignals(...sources: readonly (AbortSignal | undefined)[]): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const releases: (() => void)[] = [];
  for (const source of sources) {
    if (source === undefined) continue;
    const follow = () => controller.abort(source.reason);
    if (source.aborted) follow();
    source.addEventListener("abort", follow, { once: true });
    releases.push(() => source.removeEventListener("abort", follow));
  }
  return { signal: controller.signal, release: () => releases.forEach((release) => release()) };
}
