/** Our side: the gateway as `splitreason serve` runs it, with the upstream as both models of its pair. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Server, startSibling } from "./processes.ts";

/** More streams than the benchmark has, so that none waits for admission. */
const CONCURRENT = 256;

export async function startSplitreason(upstreamUrl: string, model: string): Promise<Server> {
  const folder = join(process.cwd(), ".cache", "bench-gateway");
  mkdirSync(folder, { recursive: true });
  const spec = `openai:${upstreamUrl}#${model}?template=plain`;
  const path = join(folder, "splitreason.config.json");
  const config = {
    port: 0,
    pair: { small: spec, big: spec, template: "plain" },
    limits: { concurrent: CONCURRENT, queue: CONCURRENT },
  };
  writeFileSync(path, JSON.stringify(config, undefined, 2));
  return startSibling("splitreason-process.js", {
    callArguments: [path],
    nodeOptions: ["--expose-gc"],
  });
}

export interface HeapReport {
  /** After a full collection. */
  readonly heapMb: number;
  readonly residentMb: number;
}

/** Collects all garbage, and reports what is left on the heap. */
export function collectGarbage(server: Server): Promise<HeapReport> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the gateway did not report its heap")), 20_000);
    server.process.once("message", (report: HeapReport) => {
      clearTimeout(timer);
      resolve(report);
    });
    server.process.send({ collect: true });
  });
}
