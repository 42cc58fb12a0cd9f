/** The machine's own matrix-multiply speed: onnxruntime's MatMul of square matrices, at the size where it is fastest. */
import { createRng } from "../../src/core/rng.ts";
import { GraphBuilder } from "../../src/train/tensor/graph.ts";
import { matmul } from "../../src/train/tensor/primitives.ts";
import { GraphSession, type TensorData } from "../../src/train/tensor/session.ts";

const SIZES = [256, 512, 1024];
const TARGET_FLOP = 2e10;

export interface Ceiling {
  /** 1e9 operations a second, best of the sizes. */
  measure(): Promise<number>;
  close(): Promise<void>;
}

export async function createCeiling(threads: number): Promise<Ceiling> {
  const contenders = await Promise.all(SIZES.map((size) => createChain(size, threads)));
  for (const { run } of contenders) await run();
  return {
    async measure() {
      let best = 0;
      for (const { run, flop } of contenders) {
        const start = performance.now();
        await run();
        best = Math.max(best, flop / (performance.now() - start) / 1e6);
      }
      return best;
    },
    async close() {
      for (const { session } of contenders) await session.close();
    },
  };
}

/** A chain of products by one matrix, long enough that what is around it does not count. */
async function createChain(size: number, threads: number) {
  const products = Math.ceil(TARGET_FLOP / (2 * size ** 3));
  const graph = new GraphBuilder();
  let product = graph.input("left", "float32", [size, size]);
  const right = graph.input("right", "float32", [size, size]);
  for (let index = 0; index < products; index++) product = matmul(graph, product, right);
  graph.output("product", product);
  const session = await GraphSession.create(graph, { threads });
  const rng = createRng(size);
  // Of spectral radius about 1, so that the chain neither overflows nor runs into denormal numbers.
  const matrix = () => Float32Array.from({ length: size * size }, () => rng.normal() / Math.sqrt(size));
  const feeds = new Map<string, TensorData>([
    ["left", matrix()],
    ["right", matrix()],
  ]);
  return { session, flop: products * 2 * size ** 3, run: () => session.run(feeds) };
}
