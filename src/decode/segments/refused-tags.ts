/**
 * Markers that the small model drew at this very place and that were refused. The next draw is made with them forbidden and with another
 * seed: with the same one, the token beside the marker would come more often than its share. Markers are rare, so they are refused when they
 * come rather than forbidden in advance, which would cost time at every token.
 */
import { EngineError } from "../../core/errors.ts";
import type { GenerateOptions, MarkerBias, Sampling } from "../../engines/engine.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import { seedFor } from "../session/session.ts";

export class RefusedTags {
  readonly #small: ModelContext;
  readonly #markers = new Set<string>();

  constructor(small: ModelContext) {
    this.#small = small;
  }

  has(marker: string): boolean {
    return this.#markers.has(marker);
  }

  /** Whether the next token takes the place of a refused one. */
  get isRedraw(): boolean {
    return this.#markers.size > 0;
  }

  /** The mask of the next token: 1 where the small model draws it from its own distribution, 0 where something is forbidden. */
  get mask(): 0 | 1 {
    return this.isRedraw ? 0 : 1;
  }

  /** How the next token is drawn, and those after it. A redraw is short: its markers are forbidden at one place only. */
  draw(
    maxTokens: number,
    sampling: Sampling,
    maxRedrawTokens = 1,
  ): Pick<GenerateOptions, "maxTokens" | "sampling" | "bias"> {
    if (!this.isRedraw) return { maxTokens, sampling };
    return {
      maxTokens: Math.min(maxRedrawTokens, maxTokens),
      sampling: seedFor(`redraw ${this.#markers.size}`, sampling),
      bias: forbid([...this.#markers]),
    };
  }

  /** The marker came, and may not. @throws EngineError when it was forbidden already. */
  refuse(marker: string): void {
    this.requireAllowed(marker);
    this.#markers.add(marker);
  }

  /** @throws EngineError when the marker came although it was forbidden. */
  requireAllowed(marker: string): void {
    if (!this.#markers.has(marker)) return;
    throw new EngineError(
      `${this.#small.engine.model}: it wrote ${marker} where that was forbidden; the bias of its engine does not hold.`,
      { code: "engine-failed" },
    );
  }

  /** A token was written: at the next place nothing has been refused. */
  clear(): void {
    this.#markers.clear();
  }
}

/** A bias under which none of these markers can come. */
export const forbid = (markers: readonly string[]): readonly MarkerBias[] =>
  markers.map((marker) => ({ marker, nats: -Infinity }));

/** The error for a generation that stops without an end, though it was not aborted. */
export const noEndError = (small: ModelContext): EngineError =>
  new EngineError(`${small.engine.model}: the generation ended without saying why.`, {
    code: "engine-failed",
  });
