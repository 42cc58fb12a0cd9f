/**
 * A compiled graph as plain data, and the one function that runs it on a micro-batch. The function uses nothing but its arguments, because
 * worker threads are given its text: they cannot import sources that are not compiled (see `worker-lane.ts`).
 */
import type * as Onnxruntime from "onnxruntime-node";

import { TrainError } from "../../../core/errors.ts";
import type { ParameterSpec } from "../../model/parameters.ts";
import { type GradientOutput, LOGPROBS } from "../../model/decoder.ts";
import type { ElementType, GraphBuilder } from "../../tensor/graph.ts";
import type { TensorData } from "../../tensor/session.ts";

/** Part of a flat buffer. */
interface Range {
  readonly offset: number;
  readonly size: number;
}

export interface Program {
  readonly model: Uint8Array;
  /** A parameter is read from the flat weights, any other input from the feeds. */
  readonly inputs: readonly {
    readonly name: string;
    readonly type: ElementType;
    readonly shape: readonly number[];
    readonly parameter: Range | undefined;
  }[];
  readonly gradients: readonly {
    readonly output: string;
    readonly parameter: Range;
    /** Set for outputs by rows: output row n belongs to row ids[n] of a matrix. Names the input with the ids, and the matrix's width. */
    readonly rows: { readonly ids: string; readonly width: number } | undefined;
  }[];
  /** The output that is returned. */
  readonly result: string;
}

export type Feeds = ReadonlyMap<string, TensorData>;

export function createProgram(
  graph: GraphBuilder,
  gradients: readonly GradientOutput[],
  specs: ReadonlyMap<string, ParameterSpec>,
): Program {
  return {
    model: graph.build(),
    inputs: graph.inputs.map(({ name, type, shape }) => ({
      name,
      type,
      shape,
      parameter: rangeOf(specs.get(name)),
    })),
    gradients: gradients.map((gradient) => {
      const spec = specs.get(gradient.parameter);
      const parameter = rangeOf(spec);
      if (!spec || !parameter) {
        throw new TrainError(`${gradient.parameter} is no parameter.`, { code: "internal" });
      }
      const rows = gradient.kind === "rows" ? { ids: gradient.ids, width: spec.shape[1] ?? 1 } : undefined;
      return { output: gradient.output, parameter, rows };
    }),
    result: LOGPROBS,
  };
}

const rangeOf = (spec: ParameterSpec | undefined): Range | undefined =>
  spec && { offset: spec.offset, size: spec.size };

/**
 * Runs a program and adds its gradients to `gradients`, in the order of the program and of the rows. `weights` must not be shared memory,
 * which onnxruntime does not take.
 */
export async function executeProgram(
  onnxruntime: Pick<typeof Onnxruntime, "Tensor">,
  session: Pick<Onnxruntime.InferenceSession, "run">,
  program: Program,
  feeds: Feeds,
  weights: Float32Array,
  gradients: Float32Array,
): Promise<Float32Array> {
  const inputs: Record<string, Onnxruntime.Tensor> = {};
  for (const { name, type, shape, parameter } of program.inputs) {
    const data = parameter
      ? weights.subarray(parameter.offset, parameter.offset + parameter.size)
      : feeds.get(name);
    if (!data) throw new Error(`no value was given for the graph's input ${name}`);
    inputs[name] = new onnxruntime.Tensor(type, data, shape);
  }
  const outputs = await session.run(inputs);
  const output = (name: string): Float32Array => {
    const data = outputs[name]?.data;
    if (!(data instanceof Float32Array)) throw new Error(`the graph's output ${name} is not a float tensor`);
    return data;
  };
  for (const { output: name, parameter, rows } of program.gradients) {
    const values = output(name);
    const target = gradients.subarray(parameter.offset, parameter.offset + parameter.size);
    if (!rows) {
      for (let index = 0; index < target.length; index++) {
        target[index] = (target[index] as number) + (values[index] as number);
      }
      continue;
    }
    const ids = feeds.get(rows.ids);
    if (!ids) throw new Error(`no value was given for the graph's input ${rows.ids}`);
    // Low halves of small int64 numbers, so that no BigInt is made for each.
    const words = new Int32Array(ids.buffer, ids.byteOffset, ids.length * 2);
    for (let row = 0, from = 0; from < values.length; row++, from += rows.width) {
      const to = (words[2 * row] as number) * rows.width;
      for (let column = 0; column < rows.width; column++) {
        target[to + column] = (target[to + column] as number) + (values[from + column] as number);
      }
    }
  }
  return output(program.result);
}
