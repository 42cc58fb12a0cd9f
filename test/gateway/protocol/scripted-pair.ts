/** A pair of scripted models that write one known text, letter by letter: every token is a byte. */
import { tokenId, type TokenId } from "../../../src/core/ids.ts";
import type { Pair } from "../../../src/decode/pair/pair.ts";
import type { PairConfig } from "../../../src/decode/pair/pair-config.ts";
import {
  type ScriptedCall,
  ScriptedEngine,
  type ScriptedHook,
  type ScriptedModel,
} from "../../../src/testing.ts";
import { pairOver } from "./harness.ts";

export const THOUGHT_1 = "let me see: ";
export const BIG_PART = "13 x 54 = 702";
export const THOUGHT_2 = ", so \u00e9\n";
export const ANSWER = "\nThe answer is 702.";
/** The turn as the small model sees it. */
const SCRIPT = `${THOUGHT_1}<bigmodel>${BIG_PART}</bigmodel>${THOUGHT_2}</think>${ANSWER}`;
export const REASONING = `${THOUGHT_1}${BIG_PART}${THOUGHT_2}`;

export interface ScriptedPair {
  readonly pair: Pair;
  readonly small: ScriptedEngine;
  readonly big: ScriptedEngine;
  /** Contexts that the small model was asked about, by token ids. */
  readonly contexts: (readonly number[])[];
}

export interface ScriptedPairOptions {
  readonly script?: string;
  /** The text that the big model writes alone after its prompt. Default: the script without tags. */
  readonly bigScript?: string;
  readonly smallHook?: ScriptedHook;
  readonly bigHook?: ScriptedHook;
  /** In place of a script for the small model. */
  readonly smallNext?: ScriptedModel;
  readonly tokenizer?: ScriptedEngine["tokenizer"];
  readonly contextSize?: number;
  readonly config?: Partial<PairConfig>;
}

export function scriptedPair(options: ScriptedPairOptions = {}): ScriptedPair {
  const script = options.script ?? SCRIPT;
  const bigScript = options.bigScript ?? script.replaceAll(/<\/?bigmodel>/gu, "");
  const contexts: (readonly number[])[] = [];
  const follow = options.smallNext ?? writer(script);
  const { contextSize, tokenizer } = options;
  const common = {
    ...(contextSize === undefined ? {} : { contextSize }),
    ...(tokenizer === undefined ? {} : { tokenizer }),
  };
  const small = new ScriptedEngine({
    name: "small",
    next: (context) => {
      contexts.push([...context.ids]);
      return follow(context);
    },
    ...(options.smallHook === undefined ? {} : { hook: options.smallHook }),
    ...common,
  });
  const big = new ScriptedEngine({
    name: "big",
    next: writer(bigScript),
    ...(options.bigHook === undefined ? {} : { hook: options.bigHook }),
    ...common,
  });
  return { pair: pairOver({ small, big }, options.config), small, big, contexts };
}

/** Continues the script in an opened thought, or after the `>>` of a prompt without a template. */
function writer(script: string): ScriptedModel {
  let wanted: readonly TokenId[] | undefined;
  return ({ ids, tokenizer }) => {
    wanted ??= tokenizer.encode([{ text: `${script}<|im_end|>`, control: true }]);
    const thought = ids.lastIndexOf(tokenizer.controlId("<think>") ?? tokenId(-1));
    const prompt = ids.findLastIndex((id, index) => id === ANGLE && ids[index - 1] === ANGLE);
    const start = thought >= 0 ? thought + 2 : prompt + 1;
    const id = wanted[Math.max(0, ids.length - start)];
    if (id === undefined) throw new Error("the script has ended");
    const logits = new Float64Array(tokenizer.size).fill(-Infinity);
    logits[id] = 0;
    return logits;
  };
}

const ANGLE = tokenId(">".charCodeAt(0));

export const draws = (engine: ScriptedEngine): readonly ScriptedCall[] =>
  engine.log.filter(({ kind }) => kind === "draw");
