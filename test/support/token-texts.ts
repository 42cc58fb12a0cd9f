/** Texts that tokenizers disagree on when one of them is wrong. */
import { createRng } from "../../src/core/rng.ts";

export const MARKERS = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<think>",
  "</think>",
  "<bigmodel>",
  "</bigmodel>",
];

export const chosenTexts = [
  "<|im_start|>user\nWhat is 12 times 34?<|im_end|>\n<|im_start|>assistant\n<think>\n",
  "so <bigmodel> 12 times 34 is 408.</bigmodel> Then</think>\n",
  "<bigmodel><bigmodel></bigmodel><think></think ><BIGMODEL> < bigmodel>",
  "<|im_end|><|endoftext|> <|reserved_0|><|reserved_999|><|im_end|",
  "",
  " ",
  "   three spaces, 7 and 42  ,  1234567890.5e-3\t\ttabs\r\n\r\n  lines\n\n\n   ",
  "don't WE'LL they'Re I'd 'S 'tis it's' K'\u017F",
  "é e\u0301 ñ ﬁ Å \u212B ｆｕｌｌ",
  "日本語のテキスト、中文。한국어 עברית العربية हिन्दी ไทย",
  "٣٤٥ ४५६ ² ½ Ⅷ 六",
  "😀👩‍👩‍👧‍👦🇩🇪 👍🏽 \u200b zero width \ufeff bom",
  "\u00a0nbsp\u2003em\u3000wide\u0085nel\u2028ls\u180e",
  "a\u0000b \u0001\u001f \u007f\u0080\u009f",
  "∑x² ≤ √(π·r) × ÷ − → {\\boxed{7}} $$ \\frac{1}{2} __init__ #!/bin/sh && ||",
  "\ue000private\u{f0000}\u{10fffd}",
  "supercalifragilistic".repeat(30),
  "=".repeat(300),
];

/** Texts that the pre-tokenizer treats differently, separated by commas. The escapes after them are white space of all kinds. */
const PARTS = [
  ..."a,The,ß,é,字,ي,e\u0301,7,42,٣,½,Ⅷ,.,!?,(,',’,_,-,€,😀,'s,'LL,'ve,\u0000,\u200b,\ufeff, times, modulo,<think,>,</,<|im_end|".split(
    ",",
  ),
  ..." ,  ,\t,\n,\r\n,\r,\u00a0,\u2003,\u3000,\u0085,\u2028".split(","),
  ...MARKERS,
];

/** Random mixtures of such parts. */
export function mixedTexts(count: number, seed: number): string[] {
  const rng = createRng(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: rng.integer(1, 12) }, () => rng.pick(PARTS)).join(""),
  );
}
