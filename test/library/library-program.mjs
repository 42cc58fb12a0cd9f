// What a user of the package writes; run by test/library/library.test.ts.
import { collect, learned, loadPairConfig, Pair, SplitDecoder } from "splitreason";
const config = await loadPairConfig("micro");
const pair = await Pair.open(config, { threads: 1 });
const stream = new SplitDecoder(pair).decode({
  ...pair.render([{ role: "user", content: process.argv[2] }]),
  policy: learned(),
  limits: { maxTokens: 400 },
  sampling: { temperature: 0, seed: 1 },
});
const { text, usage } = await collect(stream);
await pair.close();
console.log(JSON.stringify({ text, usage }));
