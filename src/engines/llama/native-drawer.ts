/** Draws one token a call, with one native sampler for the whole generation. This is the fastest way, if the library allows it. */
import type { TokenId } from "../../core/ids.ts";
import type { Drawer, DrawnToken } from "../token-backend.ts";
import type { SequenceInternals } from "./internals.ts";
import type { LlamaCache } from "./llama-cache.ts";
import type { NativeSampling } from "./native-sampling.ts";

export class NativeDrawer implements Drawer {
  readonly #cache: LlamaCache;
  readonly #internals: SequenceInternals;
  readonly #sampling: NativeSampling;
  readonly #careful: () => Drawer;

  /** @param careful Makes the drawer for draws with forbidden tokens. */
  constructor(
    cache: LlamaCache,
    internals: SequenceInternals,
    sampling: NativeSampling,
    careful: () => Drawer,
  ) {
    this.#cache = cache;
    this.#internals = internals;
    this.#sampling = sampling;
    this.#careful = careful;
  }

  async draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken | undefined> {
    if (forbidden !== undefined) return this.#careful().draw(ids, forbidden);
    const cache = this.#cache;
    const last = ids.length - 1;
    if (cache.length < last) await cache.read(ids.slice(cache.length, last));
    return cache.call(() =>
      this.#internals.decode(ids.slice(last), (logitIndex) => this.#sampling.draw(logitIndex, ids.length)),
    );
  }

  async end(): Promise<void> {
    this.#sampling.dispose();
  }
}
