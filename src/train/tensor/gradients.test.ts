/** Every operation's gradient against finite differences: along random directions, and one coordinate at a time. */
import { describe, expect, it } from "vitest";

import { createRng } from "../../core/rng.ts";
import { attention, documentMask } from "./attention.ts";
import { elementCount, GraphBuilder, type Shape, type Value } from "./graph.ts";
import {
  gatedSilu,
  linear,
  linearPlus,
  logSumExpOfProducts,
  minus,
  normalise,
  plusBias,
  reshape,
  rmsNorm,
  rotate,
  rowDot,
  scaleColumns,
  transpose,
} from "./operations.ts";
import { GraphSession, type TensorData } from "./session.ts";
import { Tape } from "./tape.ts";
import { weightedSum } from "./operations.ts";

interface Case {
  readonly name: string;
  /** Shapes of the differentiated inputs. */
  readonly shapes: readonly Shape[];
  readonly build: (tape: Tape, inputs: readonly Value[]) => Value;
}

const value = (inputs: readonly Value[], index: number): Value => inputs[index]!;
const int64 = (graph: GraphBuilder, values: number[], shape: Shape): Value =>
  graph.constant(BigInt64Array.from(values, BigInt), shape);

/** Rows with documents of 3, 5 and 8 tokens. */
const documentStarts = [0, 0, 0, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0];

const attentionCase = (name: string, heads: number, keyHeads: number, blocks: number): Case => ({
  name,
  shapes: [
    [2, heads, 8, 4],
    [2, keyHeads, 8, 4],
    [2, keyHeads, 8, 4],
  ],
  build: (tape, inputs) =>
    attention(
      tape,
      value(inputs, 0),
      value(inputs, 1),
      value(inputs, 2),
      documentMask(tape.graph, int64(tape.graph, documentStarts, [2, 8, 1]), blocks),
    ),
});

const cases: Case[] = [
  {
    name: "a bias",
    shapes: [[5, 3], [3]],
    build: (tape, inputs) => plusBias(tape, value(inputs, 0), value(inputs, 1)),
  },
  {
    name: "linear",
    shapes: [
      [5, 4],
      [3, 4],
    ],
    build: (tape, inputs) => linear(tape, value(inputs, 0), value(inputs, 1)),
  },
  {
    name: "linearPlus",
    shapes: [
      [5, 3],
      [5, 4],
      [3, 4],
    ],
    build: (tape, inputs) => linearPlus(tape, value(inputs, 0), value(inputs, 1), value(inputs, 2)),
  },
  {
    name: "scaleColumns",
    shapes: [[3, 4], [4]],
    build: (tape, inputs) => scaleColumns(tape, value(inputs, 0), value(inputs, 1)),
  },
  {
    name: "normalise",
    shapes: [[5, 6]],
    build: (tape, inputs) => normalise(tape, value(inputs, 0), 1e-6),
  },
  {
    name: "rmsNorm",
    shapes: [[5, 6], [6]],
    build: (tape, inputs) => rmsNorm(tape, value(inputs, 0), value(inputs, 1), 1e-6),
  },
  {
    name: "gatedSilu",
    shapes: [
      [5, 6],
      [5, 6],
    ],
    build: (tape, inputs) => gatedSilu(tape, value(inputs, 0), value(inputs, 1)),
  },
  {
    name: "rotate",
    shapes: [[2, 2, 3, 4]],
    build: (tape, inputs) => {
      const angles = Array.from({ length: 8 }, (_, index) => index * 0.37);
      const table = (of: (angle: number) => number) =>
        tape.graph.constant(Float32Array.from(angles, of), [4, 2]);
      return rotate(tape, value(inputs, 0), int64(tape.graph, [0, 1, 2, 0, 1, 3], [2, 3]), {
        cosine: table(Math.cos),
        sine: table(Math.sin),
        negativeSine: table((angle) => -Math.sin(angle)),
      });
    },
  },
  {
    name: "reshape and transpose",
    shapes: [[6, 4]],
    build: (tape, inputs) => transpose(tape, reshape(tape, value(inputs, 0), [2, 3, 2, 2]), [0, 2, 1, 3]),
  },
  {
    name: "rowDot",
    shapes: [
      [5, 4],
      [5, 4],
    ],
    build: (tape, inputs) => rowDot(tape, value(inputs, 0), value(inputs, 1)),
  },
  {
    name: "minus",
    shapes: [
      [5, 1],
      [5, 1],
    ],
    build: (tape, inputs) => minus(tape, value(inputs, 0), value(inputs, 1)),
  },
  {
    name: "logSumExpOfProducts",
    shapes: [
      [5, 4],
      [7, 4],
    ],
    build: (tape, inputs) => logSumExpOfProducts(tape, value(inputs, 0), value(inputs, 1)),
  },
  attentionCase("attention", 2, 2, 1),
  attentionCase("attention with shared keys", 4, 2, 1),
  attentionCase("attention by blocks with shared keys", 4, 2, 4),
  {
    name: "a value used twice",
    shapes: [
      [4, 4],
      [4, 4],
    ],
    build: (tape, inputs) =>
      linear(tape, gatedSilu(tape, value(inputs, 0), value(inputs, 1)), value(inputs, 0)),
  },
];

/** The graph's output, summed with random factors: forward in float32, the sum in double precision. */
async function prepare({ shapes, build }: Case) {
  const graph = new GraphBuilder();
  const inputs = shapes.map((shape, index) => graph.input(`x${index}`, "float32", shape));
  const tape = new Tape(graph);
  const output = build(tape, inputs);
  const factors = graph.input("factors", "float32", output.shape);
  graph.output("output", output);
  for (const [index, { dense }] of tape.gradients(weightedSum(tape, output, factors), inputs).entries()) {
    graph.output(`gradient ${index}`, dense!);
  }
  const session = await GraphSession.create(graph, { threads: 1 });
  const rng = createRng(11);
  const normals = (shape: Shape) => Float32Array.from({ length: elementCount(shape) }, () => rng.normal());
  const factorData = normals(output.shape);
  const point = shapes.map(normals);
  const run = (at: readonly Float32Array[]) =>
    session.run(
      new Map<string, TensorData>([
        ["factors", factorData],
        ...at.map((data, index) => [`x${index}`, data] as const),
      ]),
    );
  const loss = async (at: readonly Float32Array[]) =>
    (await run(at)).get("output")!.reduce((sum, element, index) => sum + element * factorData[index]!, 0);
  return { session, point, run, loss, rng };
}

describe("gradients agree with finite differences", () => {
  it.each(cases)("$name", async (example) => {
    const { session, point, run, loss, rng } = await prepare(example);
    const outputs = await run(point);
    const epsilon = 1e-2;
    for (const index of point.keys()) {
      const gradient = outputs.get(`gradient ${index}`)!;
      const size = Math.sqrt(gradient.reduce((sum, element) => sum + element ** 2, 0));
      const slope = async (direction: Float32Array): Promise<number> => {
        const moved = (by: number) =>
          loss(
            point.map((data, other) =>
              other === index ? data.map((x, at) => x + by * direction[at]!) : data,
            ),
          );
        // Richardson: the errors of order epsilon^2 cancel.
        const [coarse, fine] = [
          ((await moved(2 * epsilon)) - (await moved(-2 * epsilon))) / (4 * epsilon),
          ((await moved(epsilon)) - (await moved(-epsilon))) / (2 * epsilon),
        ];
        return (4 * fine - coarse) / 3;
      };
      const directions = [0, 1, 2].map(() => {
        const raw = Float32Array.from(gradient, () => rng.normal());
        const length = Math.sqrt(raw.reduce((sum, element) => sum + element ** 2, 0));
        return raw.map((element) => element / length);
      });
      for (const at of [0, rng.integer(0, gradient.length - 1), gradient.length - 1]) {
        directions.push(new Float32Array(gradient.length).fill(1, at, at + 1));
      }
      for (const direction of directions) {
        const analytic = gradient.reduce((sum, element, at) => sum + element * direction[at]!, 0);
        expect(Math.abs((await slope(direction)) - analytic), `input ${index}`).toBeLessThan(
          1e-3 * (1 + size),
        );
      }
    }
    await session.close();
  });
});
