/**
 * The end of a frozen decoder as a graph over a few tokens: last norm, logits, log-probabilities of targets, and the gradient of the hidden
 * states. Logits of 150,000 tokens are large, so a batch is taken in slices of R tokens.
 */
import { GraphBuilder } from "../tensor/graph.ts";
import { logSumExpOfProducts, minus, rmsNorm, rowDot, weightedSum } from "../tensor/operations.ts";
import { Tape } from "../tensor/tape.ts";
import { HIDDEN, HIDDEN_GRADIENT } from "./adapted-layer.ts";
import type { DecoderConfig } from "./config.ts";
import { EMBEDDING, FINAL_NORM, OUTPUT_HEAD } from "./parameters.ts";
import { INPUT, LOGPROBS } from "./decoder.ts";

/** Name of the matrix that turns hidden states into logits. */
export const headName = ({ tiedEmbeddings }: DecoderConfig): string =>
  tiedEmbeddings ? EMBEDDING : OUTPUT_HEAD;

/**
 * Inputs: {@link HIDDEN} [R, D], `INPUT.targets` [R], `INPUT.weights` [R, 1], the last norm and the head by their names.
 * Outputs: {@link LOGPROBS} [R, 1], and {@link HIDDEN_GRADIENT} [R, D] of -sum(weights * logprobs) where `hasGradient`.
 */
export function buildHeadGraph(config: DecoderConfig, tokens: number, hasGradient: boolean): GraphBuilder {
  const graph = new GraphBuilder();
  const tape = new Tape(graph);
  const { hiddenSize, vocabularySize, rmsEpsilon } = config;
  const hidden = graph.input(HIDDEN, "float32", [tokens, hiddenSize]);
  const targets = graph.input(INPUT.targets, "int64", [tokens]);
  const norm = graph.input(FINAL_NORM, "float32", [hiddenSize]);
  const head = graph.input(headName(config), "float32", [vocabularySize, hiddenSize]);
  const last = rmsNorm(tape, hidden, norm, rmsEpsilon);
  const logprobs = minus(
    tape,
    rowDot(tape, last, tape.gatherRows(head, targets)),
    logSumExpOfProducts(tape, last, head),
  );
  graph.output(LOGPROBS, logprobs);
  if (!hasGradient) return graph;
  const weights = graph.input(INPUT.weights, "float32", logprobs.shape);
  const loss = weightedSum(tape, logprobs, graph.node("Neg", [weights], weights.shape));
  const dense = tape.gradients(loss, [hidden])[0]?.dense;
  if (dense !== undefined) graph.output(HIDDEN_GRADIENT, dense);
  return graph;
}
