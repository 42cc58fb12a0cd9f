/** Two models opened together, with their chat templates. `pair-fit.ts` says whether they fit a policy. */
import { ConfigError } from "../../core/errors.ts";
import type { Piece } from "../../core/piece.ts";
import type { Engine } from "../../engines/engine.ts";
import { openEngine, type OpenEngineOptions } from "../../engines/open/open-engine.ts";
import { Turns } from "../../engines/turns.ts";
import { type ChatMessage, ChatTemplate, opensThought } from "../../tokenizer/chat-template.ts";
import { OFFLOAD_TAGS, requireFreeTags, requireTags } from "../../tags/index.ts";
import type { PairConfig } from "./pair-config.ts";
import type { ModelPair } from "./pair-fit.ts";

export interface PairPrompt {
  readonly prompt: readonly Piece[];
  /** Only where the big model reads something else. */
  readonly promptForBig?: readonly Piece[];
}

/** Checks tags that a configuration names. The canonical ones may be missing: a policy without tags needs none. */
function requireOwnTags({ tags }: PairConfig, small: Engine, template: string): void {
  const { isControlToken } = small.capabilities;
  const isCanonical = tags.open === OFFLOAD_TAGS.open && tags.close === OFFLOAD_TAGS.close;
  (isCanonical ? requireFreeTags : requireTags)(tags, { model: small.model, isControlToken, template });
}

/** How one model reads messages. */
export interface PromptStyle {
  readonly template: ChatTemplate;
  readonly openThinking: boolean;
}

/** Writes messages as each model reads them, and opens the assistant's turn. */
export function renderPrompts(
  messages: readonly ChatMessage[],
  small: PromptStyle,
  big: PromptStyle | undefined,
): PairPrompt {
  const write = ({ template, openThinking }: PromptStyle): Piece[] =>
    template.render(messages, { openThinking });
  const prompt = write(small);
  if (
    big === undefined ||
    (big.template.source === small.template.source && big.openThinking === small.openThinking)
  ) {
    return { prompt };
  }
  return { prompt, promptForBig: write(big) };
}

export class Pair implements ModelPair, AsyncDisposable {
  readonly config: PairConfig;
  readonly small: Engine;
  /** Absent when it was not asked for. */
  readonly big?: Engine;
  /** Templates by their source. An engine may learn its own only when its server answers. */
  readonly #templates = new Map<string, ChatTemplate>();

  /** @throws ConfigError when a model has no chat template and the configuration names none, or the small one cannot have the pair's tags. */
  constructor(config: PairConfig, engines: { readonly small: Engine; readonly big?: Engine }) {
    this.config = config;
    this.small = engines.small;
    if (engines.big !== undefined) this.big = engines.big;
    this.#bigTemplate();
    requireOwnTags(config, this.small, this.#smallTemplate().source);
  }

  /**
   * Opens the small model, and the big one unless `without` it. When one fails to open, the other is closed again. With several sequences,
   * models that use several cores of this machine compute by turns.
   * @throws ConfigError, EngineError as {@link openEngine} does.
   */
  static async open(
    config: PairConfig,
    options: OpenEngineOptions & { readonly without?: "big" },
    signal?: AbortSignal,
  ): Promise<Pair> {
    const { without, ...asked } = options;
    const engineOptions = {
      ...asked,
      markers: [config.tags.open, config.tags.close],
      ...((asked.sequences ?? 1) > 1 ? { turns: asked.turns ?? new Turns() } : {}),
    };
    const small = await openEngine(config.small, engineOptions, signal);
    let big: Engine | undefined;
    try {
      if (without !== "big") big = await openEngine(config.big, engineOptions, signal);
      return new Pair(config, { small, ...(big === undefined ? {} : { big }) });
    } catch (error) {
      await Promise.allSettled([small.close(), big?.close()]);
      throw error;
    }
  }

  /** Writes the messages with each model's template, and opens the assistant's turn. */
  render(messages: readonly ChatMessage[]): PairPrompt {
    const readAs = (template: ChatTemplate, engine: Engine): PromptStyle => ({
      template,
      openThinking: opensThought(this.config.openThinking, engine.capabilities.isControlToken),
    });
    const bigTemplate = this.#bigTemplate();
    return renderPrompts(
      messages,
      readAs(this.#smallTemplate(), this.small),
      bigTemplate && this.big && readAs(bigTemplate, this.big),
    );
  }

  /** Both models, for work that needs both. @throws ConfigError when the pair was opened without the big one. */
  get both(): Required<ModelPair> {
    if (this.big !== undefined) return { small: this.small, big: this.big };
    throw new ConfigError(`${this.small.model} was opened without a big model, which is needed here.`, {
      code: "pair-mismatch",
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.small.close(), this.big?.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #smallTemplate(): ChatTemplate {
    return this.#templateOf(this.small, this.config.template, "template");
  }

  #bigTemplate(): ChatTemplate | undefined {
    const named = this.config.bigTemplate ?? this.config.template;
    return this.big && this.#templateOf(this.big, named, "bigTemplate");
  }

  #templateOf(engine: Engine, named: string | undefined, field: string): ChatTemplate {
    const source = named ?? engine.chatTemplate;
    if (source === undefined) {
      throw new ConfigError(
        `${engine.model} has no chat template of its own: name one in the pair file, e.g. "${field}": "chatml".`,
        { code: "config-invalid" },
      );
    }
    const known = this.#templates.get(source);
    if (known !== undefined) return known;
    const template = new ChatTemplate(source);
    this.#templates.set(source, template);
    return template;
  }
}
