/** Before anything is measured: the answer is the one that the upstream gives, read in full, as a client would. */
import { createParser } from "eventsource-parser";

import type { Target } from "./load.ts";
import { MARK } from "./token.ts";

interface Choice {
  readonly text?: string;
  readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null };
  readonly finish_reason?: string | null;
}

/** @throws Error when an answer lacks tokens, has something that is none, or does not end as the upstream's does. */
export async function checkAnswers(target: Target, tokens: number): Promise<void> {
  const response = await fetch(target.origin + target.path, {
    method: "POST",
    headers: { ...target.headers, "content-type": "application/json" },
    body: target.body(tokens),
  });
  const body = await response.text();
  const fail = (what: string): Error =>
    new Error(`${target.name}: ${what}; it answered ${body.slice(0, 1000)}`);
  if (response.status !== 200) throw fail(`status ${response.status}`);
  let text = "";
  let finish: string | undefined;
  let isDone = false;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === "[DONE]") {
        isDone = true;
        return;
      }
      for (const choice of (JSON.parse(data) as { readonly choices: readonly Choice[] }).choices) {
        text += choice.text ?? choice.delta?.reasoning_content ?? choice.delta?.content ?? "";
        finish = choice.finish_reason ?? finish;
      }
    },
  });
  parser.feed(body);
  const written = text.match(new RegExp(`${MARK}[0-9a-z]+ `, "gu")) ?? [];
  if (written.join("") !== text) throw fail("it added to the text or took from it");
  if (written.length !== tokens) throw fail(`${written.length} tokens in place of ${tokens}`);
  if (finish !== "length") throw fail(`it ended with ${finish}, not length`);
  if (!isDone) throw fail("it did not say that it is done");
}
