/** Two models opened together: checked to fit, with their chat templates. */
import { ConfigError } from "../core/errors.ts";
import type { Piece } from "../core/piece.ts";
import type { Engine } from "../engines/engine.ts";
import { openEngine, type OpenEngineOptions } from "../engines/open-engine.ts";
import { OFFLOAD_TAGS, type TagPair } from "../tags/grammar.ts";
import { type ChatMessage, ChatTemplate } from "../tokenizer/chat-template.ts";
import type { LoadedPairConfig, PairConfig } from "./pair-config.ts";
import type { Policy } from "./policy.ts";

export interface PairPrompt {
  readonly prompt: readonly Piece[];
  /** Only where the big model reads something else. */
  readonly promptForBig?: readonly Piece[];
}

/** Policies that leave it to the small model to ask, or to close: it must know the tags. */
const TAG_POLICIES: readonly string[] = ["learned", "self"];

export class Pair implements AsyncDisposable {
  readonly config: PairConfig;
  readonly small: Engine;
  /** Absent when it was not asked for. */
  readonly big?: Engine;
  readonly #smallTemplate: ChatTemplate;
  readonly #bigTemplate: ChatTemplate | undefined;

  /** @throws ConfigError when a model has no chat template and the configuration names none. */
  constructor(config: PairConfig, engines: { readonly small: Engine; readonly big?: Engine }) {
    this.config = config;
    this.small = engines.small;
    if (engines.big !== undefined) this.big = engines.big;
    this.#smallTemplate = templateOf(config, engines.small);
    this.#bigTemplate = engines.big === undefined ? undefined : templateOf(config, engines.big);
  }

  /**
   * Opens the small model, and the big one unless `without` it. When one fails to open, the other is closed again.
   * @throws ConfigError, EngineError as {@link openEngine} does.
   */
  static async open(
    { config, folder }: LoadedPairConfig,
    options: OpenEngineOptions & { readonly without?: "big" },
    signal?: AbortSignal,
  ): Promise<Pair> {
    const { without, ...engineOptions } = options;
    const shared = { ...engineOptions, ...(folder === undefined ? {} : { folder }) };
    const small = await openEngine(config.small, shared, signal);
    let big: Engine | undefined;
    try {
      if (without !== "big") big = await openEngine(config.big, shared, signal);
      return new Pair(config, { small, ...(big === undefined ? {} : { big }) });
    } catch (error) {
      await Promise.allSettled([small.close(), big?.close()]);
      throw error;
    }
  }

  /** The messages as each model's template writes them, the assistant's turn opened. */
  render(messages: readonly ChatMessage[]): PairPrompt {
    const { openThinking } = this.config;
    const prompt = this.#smallTemplate.render(messages, { openThinking });
    if (this.#bigTemplate === undefined || this.#bigTemplate.source === this.#smallTemplate.source) return { prompt };
    return { prompt, promptForBig: this.#bigTemplate.render(messages, { openThinking }) };
  }

  /**
   * Says no to a policy that these models cannot carry out.
   * @throws ConfigError `pair-mismatch`, with what to do instead.
   */
  requireFit(policy: Policy, tags: TagPair = OFFLOAD_TAGS): void {
    if (policy.uses !== "small" && this.big === undefined) {
      throw mismatch(`policy ${policy.name} needs the big model, which is not open.`);
    }
    if (!TAG_POLICIES.includes(policy.name)) return;
    const unknown = [tags.open, tags.close].filter((tag) => !this.small.capabilities.isControlToken(tag));
    if (unknown.length === 0) return;
    throw mismatch(
      `the small model ${this.small.model} does not know ${unknown.join(" and ")} as control tokens, which the policy ` +
        `${policy.name} needs: give --small a model tuned with these tags (splitreason train sft makes one), or use ` +
        `--policy random, never or always.`,
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.small.close(), this.big?.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function templateOf({ template }: PairConfig, engine: Engine): ChatTemplate {
  const source = template ?? engine.chatTemplate;
  if (source !== undefined) return new ChatTemplate(source);
  throw new ConfigError(
    `${engine.model} has no chat template of its own: name one in the pair file, e.g. "template": "chatml".`,
    { code: "config-invalid" },
  );
}

const mismatch = (message: string): ConfigError => new ConfigError(message, { code: "pair-mismatch" });
