/**
 * `node test/real-pair/check-rows.mjs ROWS.jsonl`: whether the books of an evaluation are in order, over all its rows. Prints a table of the
 * arms and ends with 1 when a row does not add up.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const [file] = process.argv.slice(2);
const { maxTokens } = JSON.parse(readFileSync(join(dirname(file), "run.json"), "utf8")).config;
const rows = readFileSync(file, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const faults = [];

const tokensOf = (row, author) =>
  row.segments.filter((segment) => segment.author === author).reduce((sum, { tokens }) => sum + tokens, 0);

for (const row of rows) {
  const where = `${row.arm}, ${row.problemId}, sample ${row.sample}`;
  const { smallTokens, bigTokens, discardedTokens, switches, offloadShare } = row.usage;
  const expect = (what, seen, wanted) => {
    if (seen !== wanted) faults.push(`${where}: ${what} is ${seen}, and should be ${wanted}`);
  };
  const small = tokensOf(row, "small");
  const big = tokensOf(row, "big");
  const all = smallTokens + bigTokens;
  expect("smallTokens", smallTokens, small);
  expect("bigTokens", bigTokens, big);
  expect("the text", row.text, row.segments.map(({ text }) => text).join(""));
  expect("the share, times the tokens", Math.round(offloadShare * Math.max(all, 1) * 1e6) / 1e6, bigTokens);
  // A hand-over whose text was thrown away whole leaves no segment.
  const handed = row.segments.filter(({ author }) => author === "big").length;
  if (handed > switches) faults.push(`${where}: ${handed} segments of the big model, ${switches} switches`);
  if (!(Number.isInteger(discardedTokens) && discardedTokens >= 0))
    faults.push(`${where}: discardedTokens is ${discardedTokens}`);
  if (all > maxTokens) faults.push(`${where}: ${all} tokens, more than the ${maxTokens} asked for`);
  if (row.arm === "never" && (bigTokens > 0 || discardedTokens > 0))
    faults.push(`${where}: the big model worked`);
  if (row.arm === "big" && smallTokens > 0) faults.push(`${where}: the small model wrote`);
  if (row.error !== undefined && row.correct) faults.push(`${where}: failed and correct`);
  if (row.finishReason === "length" && all < maxTokens)
    faults.push(`${where}: cut for length at ${all} tokens`);
}

const arms = [...new Set(rows.map(({ arm }) => arm))];
const problems = new Set(rows.map(({ problemId }) => problemId));
for (const arm of arms) {
  const own = rows.filter((row) => row.arm === arm);
  const sum = (value) => own.reduce((total, row) => total + value(row), 0);
  const small = sum((row) => row.usage.smallTokens);
  const big = sum((row) => row.usage.bigTokens);
  if (new Set(own.map(({ problemId }) => problemId)).size !== problems.size)
    faults.push(`${arm}: ${own.length} rows for ${problems.size} problems`);
  console.log(
    [
      arm.padEnd(28),
      `${own.filter(({ correct }) => correct).length}/${own.length} right`,
      `small ${small}`,
      `big ${big}`,
      `discarded ${sum((row) => row.usage.discardedTokens)}`,
      `share ${((100 * big) / Math.max(1, small + big)).toFixed(1)}%`,
      `failed ${own.filter(({ error }) => error !== undefined).length}`,
    ].join("  "),
  );
}
console.log(`${rows.length} rows, ${faults.length} faults`);
for (const fault of faults.slice(0, 20)) console.error(fault);
process.exit(faults.length === 0 ? 0 : 1);
