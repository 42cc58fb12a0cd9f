/** Model cards for the shipped pair: data, recipe, seed, figures and limits, all from the build that wrote them. */
import { digestOf } from "../../core/digest.ts";
import type { Provenance } from "../../core/provenance.ts";
import type { MicroBuildResult } from "./build.ts";
import type { MicroBuildConfig, MicroLearnConfig, MicroModelConfig } from "./config.ts";
import type { Learned } from "./learn.ts";
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
  const recipe = model.name === "big" ? config.big : config.small;
  const skills = model.name === "big" ? result.skills.big : result.skills["small-base"];
  return `${head(model, ROLES[model.name] ?? "")}
## Data

Problems of the micro domain (\`src/micro\`): a start value and 3 to 5 steps modulo 1000, talked through in words; and drills, single facts
in the same wording. Made by a seeded generator; a problem's split is a function of the problem itself, so no test problem occurs in training.
The two-digit products are drawn from one table of 89 x 81 factors: single products of test problems do occur in training.

${trainingLine(recipe)}

## Figures

Right results when the model writes a step itself after a right beginning, greedy, ${config.skillProblems} validation problems:

${skillTable(skills)}

Accuracy of the pair on the test split: docs/results.md.

## Limits

It does this one kind of arithmetic in these wordings and nothing else. The gap between the two models comes from their size and their
training budget, stated above. It is made for showing and testing split decoding.

## Made by

\`splitreason micro build --seed ${config.seed} --threads ${threads}\`, configuration ${digestOf(config)}, commit ${provenance.git ?? "unknown"}.
`;
}

function head(model: TrainedModel, role: string): string {
  const { layers, hiddenSize, heads } = model.config;
  return `---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---

# splitreason micro: ${model.name}

${role}

Qwen3 architecture, ${model.parameters.toLocaleString("en-US")} parameters, float32: ${layers} layers, width ${hiddenSize}, ${heads} heads.
\`model.gguf\` is for llama.cpp, the other files for transformers and vLLM.
`;
}

function trainingLine({ training, mix }: MicroModelConfig): string {
  return `Trained from random weights for ${training.steps} steps of ${mix.rows} rows of ${mix.rowLength} tokens (about ${millions(training.steps * mix.rows * mix.rowLength)} million tokens): AdamW, rate ${training.learningRate}, ${training.schedule}; rows with drills only: ${percent(mix.drillRows[0])}, then ${percent(mix.drillRows[1])} in the last ${percent(1 - mix.turn)} of the steps; ${percent(mix.productDrills)} of the drills are products.`;
}

/** The card of the small model that learned to offload. */
export function learntCard(
  model: TrainedModel,
  figures: Pick<Learned, "annotation" | "best">,
  {
    config,
    provenance,
    threads,
  }: { readonly config: MicroLearnConfig; readonly provenance: Provenance; readonly threads: number },
): string {
  const { tuning, annotation, reinforcement } = config;
  const { grpo } = reinforcement;
  const scores = Object.entries(figures.best.scores).map(([name, value]) => `${name} ${percent(value)}`);
  return `${head(model, ROLES["small"] ?? "")}
## How it learnt to offload

It starts as \`small-base\`, whose card says what it was trained on.

1. Annotation: ${annotation.traces} training traces, scored by both models: ${figures.annotation.spans} spans, ${percent(figures.annotation.share)} of the tokens, each word in a span with at least
   ${figures.annotation.threshold.toFixed(2)} nats lost by the small model.
2. Fine-tuning: ${tuning.training.steps} steps of ${tuning.rows} traces, rate ${tuning.training.learningRate}. The spans vary from reading to reading (begin ${tuning.jitter.start}, end ${tuning.jitter.end}, left out ${tuning.jitter.drop}, added ${tuning.jitter.add}).
3. Reinforcement learning, the big model writing in the rollouts: ${grpo.steps} steps of ${grpo.problems} problems with ${grpo.members} rollouts each, rate ${grpo.learningRate}, reward
   \`${JSON.stringify(reinforcement.reward)}\`. Shipped is the policy after step ${figures.best.step}, the best by held-out score (${reinforcement.heldOut} validation problems: ${scores.join(", ")}).

Accuracy of the pair on the test split: docs/results.md.

## Limits

It does this one kind of arithmetic in these wordings and nothing else, and it learnt to ask *this* big model.

## Made by

\`splitreason micro learn --seed ${config.seed} --threads ${threads}\`, configuration ${digestOf(config)}, commit ${provenance.git ?? "unknown"}; \`learn.json\` is the record.
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
