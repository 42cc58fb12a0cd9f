/** The small model's tokens while no tag may be written: a tag that comes is refused and drawn anew, as in `small-segment.ts`. */
import { EngineError } from "../../core/errors.ts";
import type { GenerateEnd, Sampling } from "../../engines/engine.ts";
import { type SegmentToken, segmentToken } from "../events/events.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import { type Session, seedFor } from "../session/session.ts";

export interface UntaggedToken extends SegmentToken {
  /** 1 where the small model drew from its own distribution; 0 for what took the place of a tag. */
  readonly mask: 0 | 1;
}

/**
 * At most `maxTokens` tokens behind what the context holds; {@link ModelContext.sync} first. The tokens are in the sequence. Leaving the
 * loop stops the model.
 * @param request `entropy`: report each token's.
 */
export async function* untaggedTokens(
  session: Session,
  small: ModelContext,
  request: { readonly maxTokens: number; readonly entropy?: boolean; readonly sampling?: Sampling },
): AsyncGenerator<UntaggedToken, GenerateEnd, undefined> {
  const { options } = session.settings;
  const sampling = request.sampling ?? session.settings.sampling;
  const tags = [options.tags.open, options.tags.close];
  const stop = tags.every((tag) => small.engine.capabilities.isControlToken(tag)) ? tags : [];
  const refused = new Set<string>();
  let written = 0;
  for (;;) {
    if (written >= request.maxTokens) return { type: "end", reason: "limit" };
    const isRedraw = refused.size > 0;
    const events = small.sequence.generate(
      {
        maxTokens: isRedraw ? 1 : request.maxTokens - written,
        sampling: isRedraw ? seedFor(`redraw ${refused.size}`, sampling) : sampling,
        logprobs: session.logprobs,
        ...(request.entropy === true ? { entropy: true } : {}),
        stop,
        ...(isRedraw ? { bias: [...refused].map((marker) => ({ marker, nats: -Infinity })) } : {}),
      },
      small.signal,
    );
    let end: GenerateEnd | undefined;
    for await (const event of events) {
      if (event.type === "end") end = event;
      else {
        written++;
        refused.clear();
        yield { ...segmentToken(event), mask: isRedraw ? 0 : 1 };
      }
    }
    if (end === undefined) {
      session.signal.throwIfAborted();
      throw new EngineError(`${small.engine.model}: the generation ended without saying why.`, {
        code: "engine-failed",
      });
    }
    if (end.reason === "limit") continue;
    if (end.reason !== "stop") return end;
    const { marker = "" } = end;
    if (refused.has(marker)) {
      throw new EngineError(
        `${small.engine.model}: it wrote ${marker} where that was forbidden; the bias of its engine does not hold.`,
        { code: "engine-failed" },
      );
    }
    refused.add(marker);
  }
}
