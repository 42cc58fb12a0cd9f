/** The tags of the method (Paper 3.1) and the markers around a chain of thought. Engines know none of them. */

export interface TagPair {
  readonly open: string;
  readonly close: string;
}

/** `<bigmodel>` hands the next span to the large model, `</bigmodel>` takes it back. */
export const OFFLOAD_TAGS: TagPair = { open: "<bigmodel>", close: "</bigmodel>" };
export const THINK_TAGS: TagPair = { open: "<think>", close: "</think>" };
