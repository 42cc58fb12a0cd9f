import { describe, expect, it } from "vitest";

import { GraphBuilder } from "../../tensor/graph.ts";
import { multiply } from "../../tensor/primitives.ts";
import { LocalLane } from "./lane.ts";
import type { Feeds, Program } from "./program.ts";
import { WorkerLane } from "./worker-lane.ts";

/** result = weights * x, and as "gradients" the same, once dense and once by rows. */
function createProgram(): Program {
  const graph = new GraphBuilder();
  const weights = graph.input("weights", "float32", [3, 2]);
  const x = graph.input("x", "float32", [3, 2]);
  graph.input("ids", "int64", [3]);
  graph.output("product", multiply(graph, weights, x));
  const parameter = { offset: 1, size: 6 };
  return {
    model: graph.build(),
    inputs: [
      { ...weights, parameter },
      { ...x, parameter: undefined },
      { name: "ids", type: "int64", shape: [3], parameter: undefined },
    ],
    gradients: [
      { output: "product", parameter, rows: undefined },
      { output: "product", parameter, rows: { ids: "ids", width: 2 } },
    ],
    result: "product",
  };
}

const feeds: Feeds = new Map<string, Float32Array | BigInt64Array>([
  ["x", Float32Array.of(1, 2, 3, 4, 5, 6)],
  ["ids", BigInt64Array.of(2n, 0n, 2n)],
]);

describe("lanes", () => {
  it.each(["local", "worker"])("run programs, add gradients and see changed weights (%s)", async (kind) => {
    const weights = new Float32Array(7).fill(1);
    const total = new Float32Array(7);
    const lane = kind === "local" ? new LocalLane(weights, total) : new WorkerLane(weights);
    const results = await Promise.all([1, 2].map(() => lane.run("product", createProgram, feeds)));
    expect(results).toEqual([Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(1, 2, 3, 4, 5, 6)]);
    lane.collectGradients(total);
    // Twice the product, and its rows 0 and 2 on row 2 and row 1 on row 0; element 0 belongs to another parameter.
    expect([...total]).toEqual([0, 8, 12, 6, 8, 22, 28]);
    lane.collectGradients(total);
    expect(total[1]).toBe(8);
    weights.fill(2);
    lane.weightsChanged();
    expect([...(await lane.run("product", createProgram, feeds))]).toEqual([2, 4, 6, 8, 10, 12]);
    await lane.close();
  });

  it("reject what fails, and continue", async () => {
    const lane = new WorkerLane(new Float32Array(7));
    const broken = { ...createProgram(), model: Uint8Array.of(1, 2, 3) };
    await expect(lane.run("broken", () => broken, feeds)).rejects.toThrow(/a training thread failed/);
    await expect(lane.run("product", createProgram, new Map())).rejects.toThrow(
      /no value was given.*input x/,
    );
    await expect(lane.run("product", createProgram, feeds)).resolves.toHaveLength(6);
    await lane.close();
    await expect(lane.run("product", createProgram, feeds)).rejects.toThrow(/thread has ended/);
  });
});
