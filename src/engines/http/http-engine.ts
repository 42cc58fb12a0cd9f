/** The engine of a model on a server. It is the same for all kinds of servers; their dialects differ. */
import { modelId } from "../../core/ids.ts";
import { TokenEngine } from "../token-engine.ts";
import { HttpBackend, type HttpModel } from "./http-backend.ts";
import type { HttpTokenizer } from "./tokens/http-tokenizer.ts";
import type { EndpointPool, EndpointState } from "./transport/pool.ts";

export interface HttpEngineParts {
  readonly name: string;
  readonly model: HttpModel;
  readonly pool: EndpointPool;
  /** Makes the tokenizer of a sequence and its forks. If ids have a meaning outside a sequence, it is the same one each time. */
  readonly tokenizer: () => HttpTokenizer;
  readonly contextSize: number;
  readonly chatTemplate: string | undefined;
  /** Whether ids are exact. */
  readonly tokenIds: boolean;
  /** Whether the server's ids of tokens are known, so that they can be biased. */
  readonly knowsIds: boolean;
}

/** An engine on one or several servers. Any number of sequences can be open: the servers queue. */
export class HttpEngine extends TokenEngine<HttpBackend> {
  readonly #pool: EndpointPool;

  constructor(parts: HttpEngineParts) {
    const { model, pool, tokenizer, tokenIds } = parts;
    const { dialect } = model;
    super({
      model: modelId(parts.name),
      tokenizer: tokenizer(),
      capabilities: {
        scores: dialect.scoring !== undefined && tokenIds ? "every-position" : "probe",
        prefill: true,
        tokenIds,
        logitBias: dialect.logitBias && parts.knowsIds,
        draws: "request",
        logprobs: dialect.logprobs,
        entropy: false,
        contextSize: parts.contextSize,
      },
      chatTemplate: parts.chatTemplate,
      createBackend: () => new HttpBackend(model, tokenizer(), pool.route()),
      describe: (backend) => ({
        tokenizer: backend.tokenizer,
        closing: backend.closing,
        reportsIds: tokenIds,
      }),
      release: () => pool.close(),
    });
    this.#pool = pool;
  }

  /** The servers and their states. */
  get endpoints(): readonly EndpointState[] {
    return this.#pool.state;
  }
}
