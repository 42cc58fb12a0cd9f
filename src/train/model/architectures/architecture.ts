/**
 * The contract of an architecture: what sets a dense decoder of the Llama family apart from its relatives, as data. An architecture is one file
 * here and its line in `index.ts`. All of them share the rest: RMSNorm before each block, rotary embedding, grouped queries, SwiGLU.
 */
export interface Architecture {
  /** `model_type` in config.json and `general.architecture` in a GGUF. */
  readonly name: string;
  /** The class of transformers. */
  readonly className: string;
  /** Whether queries, keys and values have biases. */
  readonly attentionBias: boolean;
  /** Whether each head of queries and keys is normalised before the rotary embedding. */
  readonly headNorms: boolean;
  /** Whether a GGUF holds the two halves of each head of queries and keys interleaved (`permute` in convert_hf_to_gguf.py). */
  readonly interleavesHeads: boolean;
  /** The size of a head where config.json does not say it. Default: hiddenSize / heads. */
  readonly headSize?: number;
  /**
   * Fields of config.json that choose what is not computed here, with the only value that is allowed. Exports write them. A field that is
   * absent has that value.
   */
  readonly fixedFields: Readonly<Record<string, unknown>>;
}
