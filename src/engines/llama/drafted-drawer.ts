/**
 * Draws several tokens a call: another model guesses them, this one reads the guesses together and draws after each. A draw counts while the
 * token before it is what was guessed. The tokens are those of {@link NativeDrawer}: every one is this model's own draw, with the seed of
 * its position.
 */
import type { TokenId } from "../../core/ids.ts";
import type { Drafter } from "../engine.ts";
import type { Drawer, DrawnToken, DrawRequest } from "../token-backend.ts";
import type { SequenceInternals } from "./internals.ts";
import type { LlamaCache } from "./llama-cache.ts";
import type { NativeSampling } from "./native-sampling.ts";

export class DraftedDrawer implements Drawer {
  readonly #cache: LlamaCache;
  readonly #internals: SequenceInternals;
  readonly #sampling: NativeSampling;
  readonly #drafter: Drafter;
  readonly #careful: () => Drawer;
  /** Tokens that may be drawn in all. */
  readonly #maxTokens: number;
  /** Longest that the sequence can get. */
  #longest: number | undefined;
  /** Draws that are known already. The tokens before each of them are read, ahead of the sequence. */
  #ready: DrawnToken[] = [];
  /** Length of the sequence at the last draw, and the token drawn. */
  #length = -1;
  #last: TokenId | undefined;

  /** @param careful Makes the drawer for draws with forbidden tokens. */
  constructor(
    cache: LlamaCache,
    internals: SequenceInternals,
    sampling: NativeSampling,
    request: DrawRequest & { readonly drafter: Drafter },
    careful: () => Drawer,
  ) {
    this.#cache = cache;
    this.#internals = internals;
    this.#sampling = sampling;
    this.#drafter = request.drafter;
    this.#maxTokens = request.maxTokens;
    this.#careful = careful;
  }

  async draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken | undefined> {
    const cache = this.#cache;
    this.#longest ??= ids.length + this.#maxTokens;
    if (forbidden !== undefined) {
      this.#ready = [];
      return this.#careful().draw(ids, forbidden);
    }
    const goesOn = ids.length === this.#length + 1 && ids.at(-1) === this.#last;
    const known = goesOn && cache.ahead > 0 ? this.#ready.shift() : undefined;
    if (known !== undefined) cache.ahead--;
    const drawn = known ?? (await this.#drawAhead(ids, this.#longest));
    this.#length = ids.length;
    this.#last = drawn.id;
    return drawn;
  }

  async end(): Promise<void> {
    this.#sampling.dispose();
  }

  async #drawAhead(ids: readonly TokenId[], longest: number): Promise<DrawnToken> {
    const cache = this.#cache;
    const start = ids.length;
    if (cache.length < start - 1) await cache.read(ids.slice(cache.length, start - 1));
    const most = Math.min(longest - start, cache.shared.batchSize) - 1;
    const draft = most > 0 ? (await this.#drafter.draft(ids, most)).slice(0, most) : [];
    const draws: DrawnToken[] = [];
    await cache.call(() =>
      this.#internals.decodeEach([...ids.slice(start - 1), ...draft], async (logitIndex) => {
        const previous = draws.length === 0 ? undefined : draws[draws.length - 1];
        if (previous !== undefined && previous.id !== draft[draws.length - 1]) return;
        draws.push(await this.#sampling.draw(logitIndex, start + draws.length));
      }),
    );
    const [first, ...others] = draws;
    if (first === undefined) throw new Error("llama.cpp drew no token");
    if (draft.length > 0) {
      await cache.truncate(start + others.length);
      cache.ahead = others.length;
      this.#drafter.verified(draft.length, others.length);
    }
    this.#ready = others;
    return first;
  }
}
