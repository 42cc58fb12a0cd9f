/**
 * Reverse-mode differentiation that emits nodes: an operation writes its forward nodes at once and records how to write its
 * backward ones. `gradients` then walks the record backwards. Nothing is computed here; the graph is run later.
 */
import { TrainError } from "../../core/errors.ts";
import { type GraphBuilder, type Value } from "./graph.ts";
import { add } from "./primitives.ts";

/** Given the gradient of an operation's output, writes the gradients of its inputs, in order; undefined for none. */
export type VectorJacobianProduct = (outputGradient: Value) => readonly (Value | undefined)[];

/** Row `ids[n]` of a parameter [rows, width] receives `rows[n]`; repeated ids add up. */
interface RowGradient {
  /** [N] int64, a graph input. */
  readonly ids: Value;
  /** [N, width]. */
  readonly rows: Value;
}

export interface ParameterGradient {
  /** Gradient of the parameter's shape; undefined when only rows of the parameter were used. */
  readonly dense: Value | undefined;
  readonly rows: readonly RowGradient[];
}

interface Entry {
  readonly output: Value;
  readonly inputs: readonly Value[];
  readonly product: VectorJacobianProduct;
}

interface RowEntry {
  readonly output: Value;
  readonly table: Value;
  readonly ids: Value;
}

export class Tape {
  readonly graph: GraphBuilder;
  readonly #entries: Entry[] = [];
  readonly #rowEntries: RowEntry[] = [];

  constructor(graph: GraphBuilder) {
    this.graph = graph;
  }

  /** Registers an operation whose forward nodes are written already; returns `output`. */
  record(output: Value, inputs: readonly Value[], product: VectorJacobianProduct): Value {
    this.#entries.push({ output, inputs, product });
    return output;
  }

  /**
   * Rows of a parameter: [rows, width] at ids [N] -> [N, width]. The gradient stays a list of rows, to be added up outside the graph.
   * onnxruntime's `ScatterND` with reduction `add` loses updates of repeated ids on several threads. A product with one-hot rows costs as
   * much as the output head.
   */
  gatherRows(table: Value, ids: Value): Value {
    const output = this.graph.node("Gather", [table, ids], [...ids.shape, ...table.shape.slice(1)]);
    this.#rowEntries.push({ output, table, ids });
    return output;
  }

  /**
   * Writes the backward pass of `root`; returns the gradient of each of `parameters`, which are graph inputs.
   * @param rootGradient Gradient of `root`. Default: 1, for a scalar.
   */
  gradients(
    root: Value,
    parameters: readonly Value[],
    rootGradient: Value = this.graph.scalar(1),
  ): ParameterGradient[] {
    const { graph } = this;
    const gradients = new Map<string, Value>([[root.name, rootGradient]]);
    for (const { output, inputs, product } of this.#entries.toReversed()) {
      const outputGradient = gradients.get(output.name);
      if (!outputGradient) continue;
      const inputGradients = product(outputGradient);
      for (const [index, input] of inputs.entries()) {
        const gradient = inputGradients[index];
        if (!gradient) continue;
        const known = gradients.get(input.name);
        gradients.set(input.name, known ? add(graph, known, gradient) : gradient);
      }
    }
    const isInput = new Set(graph.inputs.map((input) => input.name));
    for (const { table } of this.#rowEntries) {
      if (!isInput.has(table.name)) {
        throw new TrainError(
          `gatherRows: ${table.name} is not a graph input, so its gradient would be lost.`,
          {
            code: "internal",
          },
        );
      }
    }
    return parameters.map((parameter) => ({
      dense: gradients.get(parameter.name),
      rows: this.#rowEntries.flatMap(({ output, table, ids }) => {
        const rows = gradients.get(output.name);
        return table.name === parameter.name && rows ? [{ ids, rows }] : [];
      }),
    }));
  }
}
