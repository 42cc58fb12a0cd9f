/** The small model's tokens while no tag may be written: a tag that comes is refused, and the token is drawn again. */
import type { GenerateEnd, GenerateOptions, Sampling } from "../../engines/engine.ts";
import { type SegmentReason, type SegmentToken, segmentToken } from "../events/events.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { Session } from "../session/session.ts";
import { noEndError, RefusedTags } from "./refused-tags.ts";

export interface UntaggedToken extends SegmentToken {
  /** 1 where the small model drew from its own distribution; 0 for what took the place of a tag. */
  readonly mask: 0 | 1;
}

/**
 * Yields at most `maxTokens` tokens after what the context holds; call {@link ModelContext.sync} first. The tokens are in the sequence.
 * Leaving the loop stops the model.
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
  const refused = new RefusedTags(small);
  let written = 0;
  for (;;) {
    if (written >= request.maxTokens) return { type: "end", reason: "limit" };
    const options: GenerateOptions = {
      ...refused.draw(request.maxTokens - written, sampling),
      logprobs: session.logprobs,
      ...(request.entropy === true ? { entropy: true } : {}),
      stop,
    };
    let end: GenerateEnd | undefined;
    for await (const event of small.sequence.generate(options, small.signal)) {
      if (event.type === "end") end = event;
      else {
        const { mask } = refused;
        written++;
        refused.clear();
        yield { ...segmentToken(event), mask };
      }
    }
    if (end === undefined) {
      session.signal.throwIfAborted();
      throw noEndError(small);
    }
    if (end.reason === "limit") continue;
    if (end.reason !== "stop") return end;
    refused.refuse(end.marker ?? "");
  }
}

/**
 * Makes tokens part of the output, in one event; they are in the small model's context already. The first ones begin the segment, so that a
 * segment in which nothing was kept does not show.
 * @param options `inBig`: whether the big model has read them as well.
 */
export async function keepTokens(
  { transcript, ledger, big, emit }: Session,
  tokens: readonly UntaggedToken[],
  { reason, inBig }: { readonly reason: SegmentReason; readonly inBig: boolean },
): Promise<void> {
  if (tokens.length === 0) return;
  if (transcript.openAuthor === undefined) await emit(transcript.start("small", reason));
  for (const token of tokens) ledger?.add(token, { author: "policy", mask: token.mask });
  if (!inBig) for (const token of tokens) big?.hear(token);
  await emit(transcript.delta(tokens.map(segmentToken)));
}
