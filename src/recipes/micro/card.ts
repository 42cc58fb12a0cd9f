/** Model cards for the shipped pair: data, recipe, seed, figures and limits, all from the build that wrote them. */
import { digestOf } from "../../core/digest.ts";
import type { Provenance } from "../../core/provenance.ts";
import type { MicroBuildResult } from "./build.ts";
import type { MicroBuildConfig, MicroModelConfig } from "./config.ts";
import { easyShare, type MeasuredSkills, shareRight } from "./measure.ts";
import type { TrainedModel } from "./pretrain.ts";

export interface CardContext {
  readonly config: MicroBuildConfig;
  readonly result: MicroBuildResult;
  readonly provenance: Provenance;
  readonly threads: number;
}

const ROLES: Readonly<Record<string, string>> = {
  small:
    "The small model of the micro pair, tuned to hand its hard steps over with `<bigmodel>` and to take them back with `</bigmodel>`.",
  "small-base": "The small model of the micro pair before tuning: the control arm `small`. It knows no tags.",
  big: "The large model of the micro pair. It never sees the tags.",
};

export function modelCard(model: TrainedModel, context: CardContext): string {
  const { config, result, provenance, threads } = context;
  const shape = model.name === "big" ? config.big : config.small;
  const skills = model.name === "big" ? result.skills.big : result.skills["small-base"];
  return `---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---

# splitreason micro: ${model.name}

${ROLES[model.name] ?? ""}

Qwen3 architecture, ${model.parameters.toLocaleString("en-US")} parameters, float32: ${shape.layers} layers, width ${shape.hiddenSize}, ${shape.heads} heads.
\`model.gguf\` is for llama.cpp, the other files for transformers and vLLM.

## Data

Problems of the micro domain (\`src/micro\`): a start value and 3 to 5 steps modulo 1000, talked through in words; and drills, single facts
in the same wording. Made by a seeded generator; a problem's split is a function of the problem itself, so no test problem occurs in training.
The two-digit products are drawn from one table of 89 x 81 factors: single products of test problems do occur in training.

${trainingLine(shape)}
${model.name === "small" ? tuningLines(context) : ""}
## Figures

Right results when the model writes a step itself after a right beginning, greedy, ${config.skillProblems} validation problems${model.name === "small" ? ", before tuning" : ""}:

${skillTable(skills)}

Accuracy of the pair on the test split: docs/results.md.

## Limits

It does this one kind of arithmetic in these wordings and nothing else. The gap between the two models comes from their size and their
training budget, stated above. It is made for showing and testing split decoding.

## Made by

\`splitreason micro build --seed ${config.seed} --threads ${threads}\`, configuration ${digestOf(config)}, commit ${provenance.git ?? "unknown"}.
`;
}

function trainingLine({ training, mix }: MicroModelConfig): string {
  return `Trained from random weights for ${training.steps} steps of ${mix.rows} rows of ${mix.rowLength} tokens (about ${millions(training.steps * mix.rows * mix.rowLength)} million tokens): AdamW, rate ${training.learningRate}, ${training.schedule}; rows with drills only: ${percent(mix.drillRows[0])}, then ${percent(mix.drillRows[1])} in the last ${percent(1 - mix.turn)} of the steps; ${percent(mix.productDrills)} of the drills are products.`;
}

function tuningLines({ config, result }: CardContext): string {
  const { tuning, annotation } = config;
  return `
Then tuned for ${tuning.training.steps} steps of ${tuning.rows} traces (rate ${tuning.training.learningRate}) out of ${annotation.traces} training traces that the pair annotated by
likelihood gap: ${result.annotation.spans} spans, ${percent(result.annotation.share)} of the tokens, each word in a span with at least ${result.annotation.threshold.toFixed(2)} nats lost by the small model.
`;
}

function skillTable(skills: MeasuredSkills): string {
  const rows = (["copy", "plus", "minus", "keep", "product"] as const).map(
    (skill) =>
      `| ${skill === "product" ? "**product** (the hard step)" : skill} | ${percent(shareRight(skills[skill]))} | ${skills[skill].asked} |`,
  );
  return [
    "| step | right | asked |",
    "|---|---|---|",
    ...rows,
    `| all easy steps | ${percent(easyShare(skills))} | |`,
  ].join("\n");
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
const millions = (tokens: number): string => (tokens / 1e6).toFixed(0);
