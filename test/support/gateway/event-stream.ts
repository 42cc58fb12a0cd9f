/** The events of a gateway's stream, read strictly. */

export interface WireUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly completion_tokens_details: Readonly<Record<string, number>> & {
    readonly small_tokens: number;
    readonly big_tokens: number;
  };
}

export interface StreamedChunk {
  readonly id: string;
  readonly object: string;
  readonly model: string;
  readonly usage?: WireUsage | null;
  readonly choices: readonly {
    readonly index: number;
    readonly text?: string;
    readonly delta?: {
      readonly role?: string;
      readonly content?: string;
      readonly reasoning_content?: string;
    };
    readonly finish_reason: string | null;
  }[];
  readonly splitreason?: Record<string, unknown> & {
    readonly author?: string;
    readonly tokens?: number;
    readonly degraded?: string | null;
  };
  readonly error?: { readonly message: string; readonly type: string; readonly code: string | null };
}

/** Every event is `data: ...` and a blank line; comments are left out, and nothing follows the end. */
export function eventsIn(text: string): { readonly chunks: StreamedChunk[]; readonly done: boolean } {
  const blocks = text.split("\n\n");
  if (blocks.pop() !== "") throw new Error("the stream does not end with a whole event");
  const chunks: StreamedChunk[] = [];
  let done = false;
  for (const block of blocks) {
    if (block.startsWith(":")) continue;
    if (done) throw new Error(`something follows [DONE]: ${block}`);
    if (!block.startsWith("data: ") || block.includes("\n"))
      throw new Error(`not one line of data: ${block}`);
    const data = block.slice("data: ".length);
    if (data === "[DONE]") done = true;
    else chunks.push(JSON.parse(data) as StreamedChunk);
  }
  return { chunks, done };
}
