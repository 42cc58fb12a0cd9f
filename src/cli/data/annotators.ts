/** Makes the annotator that the flags describe, ready to run. */
import { given } from "../../core/given.ts";
import { count, percent } from "../../core/figures.ts";
import { createRng } from "../../core/rng.ts";
import { ConfigError } from "../../core/errors.ts";
import type { Annotator, AnnotatorName } from "../../data/annotate/annotator.ts";
import type { GenerationChoice } from "../../data/readers/open-r1.ts";
import { loadPairConfig } from "../../decode/pair/pair-config.ts";
import { Pair } from "../../decode/pair/pair.ts";
import { readKey } from "../../engines/http/transport/credentials.ts";
import { parseHttpSpec } from "../../engines/http/http-spec.ts";
import { modelFileDigest } from "../../engines/open/open-engine.ts";
import type { Terminal } from "../support/terminal.ts";

export interface AnnotateFlags {
  readonly annotator: AnnotatorName;
  readonly out: string;
  readonly share?: number;
  readonly mergeDistance?: number;
  readonly dropUpTo?: number;
  readonly retryFailed?: boolean;
  readonly limit?: number;
  readonly generation: GenerationChoice;
  readonly minimumGap: number;
  readonly smoothing: number;
  readonly scores?: boolean;
  readonly pair: string;
  readonly small?: string;
  readonly big?: string;
  readonly threads?: number;
  readonly context?: number;
  readonly endpoint?: string;
  readonly keyEnv?: string;
  readonly keyFile?: string;
  readonly concurrency?: number;
  readonly requestsPerMinute?: number;
  readonly tries: number;
  readonly timeout: number;
  readonly budgetUsd?: number;
  readonly budgetTokens?: number;
  readonly pricePrompt?: number;
  readonly priceAnswer?: number;
  readonly answerTokens: number;
  readonly format: "auto" | "schema" | "marks";
  readonly minimumSimilarity?: number;
  readonly json?: boolean;
}

export interface OpenedAnnotator extends AsyncDisposable {
  readonly annotator: Annotator;
  /** A part of the line of progress. */
  note(): string;
  /** Fields for the document of `--json`, after a run. */
  report(): Readonly<Record<string, unknown>>;
  /** A summary for people, after a run. */
  text(): string;
}

/** @throws ConfigError when flags do not fit together; the errors of opening models. */
export async function openAnnotator(flags: AnnotateFlags, terminal: Terminal): Promise<OpenedAnnotator> {
  return flags.annotator === "llm" ? openLlm(flags, terminal) : openScoring(flags, terminal);
}

async function openScoring(flags: AnnotateFlags, terminal: Terminal): Promise<OpenedAnnotator> {
  const { ScoringAnnotator } = await import("../../data/annotate/scoring-annotator.ts");
  const { minimumGap, smoothing, mergeDistance, share, threads, context, concurrency = 1 } = flags;
  const pairConfig = await loadPairConfig(flags.pair);
  const config = { ...pairConfig, small: flags.small ?? pairConfig.small, big: flags.big ?? pairConfig.big };
  const isAlone = flags.annotator === "entropy";
  const names = isAlone ? { small: config.small } : { small: config.small, big: config.big };
  const models: Record<string, string> = {
    template: config.template ?? "",
    opening: String(config.openThinking),
  };
  // A digest of the file where there is one: a model that was trained again gives other scores under the same name.
  for (const [role, spec] of Object.entries(names)) models[role] = (await modelFileDigest(spec)) ?? spec;
  const pair = await Pair.open(
    config,
    {
      sequences: concurrency,
      ...given({ threads, contextSize: context }),
      ...(isAlone ? { without: "big" as const } : {}),
    },
    terminal.signal,
  );
  const annotator = new ScoringAnnotator({
    small: pair.small,
    ...(isAlone ? {} : { big: pair.both.big }),
    minimumGap,
    smoothing,
    ...given({ share, mergeDistance }),
    keepScores: flags.scores === true,
    concurrency,
    models,
    prompt: (problem) => {
      const { prompt, promptForBig } = pair.render([{ role: "user", content: problem }]);
      return { small: prompt, big: promptForBig ?? prompt };
    },
  });
  return {
    annotator,
    note: () => "",
    // JSON has no infinity: the threshold is null where nothing is hard.
    report: () => ({
      share: annotator.chosen.share,
      threshold: Number.isFinite(annotator.chosen.threshold) ? annotator.chosen.threshold : null,
    }),
    text: () => {
      const { threshold, share: reached } = annotator.chosen;
      return Number.isFinite(threshold)
        ? `${percent(reached)} of the tokens, each word with at least ${threshold.toFixed(2)} nats`
        : "no word reaches the least score (--minimum-gap)";
    },
    [Symbol.asyncDispose]: () => pair.close(),
  };
}

const DEFAULT_SHARE = 0.2;
const DEFAULT_CONCURRENCY = 8;

async function openLlm(flags: AnnotateFlags, terminal: Terminal): Promise<OpenedAnnotator> {
  const { Budget } = await import("../../data/annotate/llm/budget.ts");
  const { ChatClient } = await import("../../data/annotate/llm/chat-client.ts");
  const { Chat } = await import("../../data/annotate/llm/chat.ts");
  const { LlmAnnotator } = await import("../../data/annotate/llm/llm-annotator.ts");
  const { Pacer } = await import("../../data/annotate/llm/pacer.ts");
  const { url, model, key } = await endpointFrom(flags, terminal);
  const prices = pricesFrom(flags);
  const budget = new Budget(
    { promptUsd: prices?.prompt ?? 0, completionUsd: prices?.answer ?? 0 },
    {
      ...given({ usd: flags.budgetUsd, tokens: flags.budgetTokens }),
    },
  );
  const client = new ChatClient({ url, model, key, timeoutMs: flags.timeout * 1000 });
  const chat = new Chat({
    client,
    budget,
    pacer: new Pacer(flags.requestsPerMinute, terminal.clock),
    // It jitters only the waits before retries, so that processes started together do not retry together.
    rng: createRng(process.pid),
    tries: flags.tries,
    format: flags.format === "auto" ? undefined : flags.format,
  });
  const { mergeDistance, minimumSimilarity } = flags;
  const annotator = new LlmAnnotator({
    chat,
    budget,
    model,
    share: flags.share ?? DEFAULT_SHARE,
    concurrency: flags.concurrency ?? DEFAULT_CONCURRENCY,
    extraTokens: flags.answerTokens,
    ...given({ mergeDistance, minimumSimilarity }),
  });
  const cost = (): string => {
    const { promptTokens, completionTokens, costUsd } = budget.spent;
    const tokens = `${count(promptTokens + completionTokens)} tokens`;
    return prices === undefined ? tokens : `$${costUsd.toFixed(costUsd < 1 ? 4 : 2)}, ${tokens}`;
  };
  const retries = (): string =>
    Object.entries(chat.troubles)
      .map(([kind, number]) => `${count(number)} ${kind}`)
      .join(", ");
  return {
    annotator,
    note: () =>
      [cost(), retries() === "" ? "" : `asked again: ${retries()}`].filter((text) => text !== "").join("; "),
    report: () => {
      const { costUsd, ...tokens } = budget.spent;
      return {
        usage: { ...tokens, ...(prices === undefined ? {} : { costUsd }) },
        format: chat.format ?? null,
        requestTroubles: chat.troubles,
        snippets: annotator.locations,
      };
    },
    text: () => {
      const { exact, normalised, approximate, absent, edits } = annotator.locations;
      return (
        `snippets: ${count(exact)} verbatim, ${count(normalised)} but for white space and LaTeX, ${count(approximate)} with ` +
        `${count(edits)} edits in all, ${count(absent)} not in their trace\n${cost()}`
      );
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function endpointFrom(flags: AnnotateFlags, terminal: Terminal) {
  if (flags.endpoint === undefined) {
    throw new ConfigError("the annotator llm needs --endpoint http://HOST:PORT/v1#MODEL.", { code: "usage" });
  }
  const spec = parseHttpSpec(flags.endpoint, flags.endpoint);
  const [url, more] = spec.urls;
  if (url === undefined || more !== undefined || spec.model === undefined) {
    throw new ConfigError(
      `--endpoint ${flags.endpoint}: one address and a model are needed, http://HOST:PORT/v1#MODEL.`,
      { code: "usage" },
    );
  }
  if (flags.keyEnv !== undefined && flags.keyFile !== undefined) {
    throw new ConfigError("give --key-env or --key-file, not both.", { code: "usage" });
  }
  const key = await readKey(
    { keyEnv: flags.keyEnv ?? spec.keyEnv, keyFile: flags.keyFile ?? spec.keyFile },
    { ...terminal.environment },
  );
  return { url, model: spec.model, key };
}

function pricesFrom({ pricePrompt, priceAnswer, budgetUsd }: AnnotateFlags) {
  if (pricePrompt !== undefined && priceAnswer !== undefined)
    return { prompt: pricePrompt, answer: priceAnswer };
  if (pricePrompt !== undefined || priceAnswer !== undefined || budgetUsd !== undefined) {
    throw new ConfigError(
      "give both --price-prompt and --price-answer (dollars for a million tokens), or neither; --budget-usd needs both.",
      { code: "usage" },
    );
  }
  return undefined;
}
