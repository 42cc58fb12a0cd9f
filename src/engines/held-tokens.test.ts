import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { HeldTokens, type HeldToken } from "./held-tokens.ts";

const token = (text: string, logprob = -1): HeldToken => ({ text, isOpen: false, logprob });

/** Pushes all tokens; the text given out, the marker met, and what was still held when the input ended. */
function run(markers: readonly string[], texts: readonly string[]) {
  const held = new HeldTokens(markers);
  let text = "";
  for (const part of texts) {
    const { released, match } = held.push(token(part));
    text += released.map((item) => item.text).join("");
    if (match !== undefined)
      return { text: text + match.prefix, marker: match.marker, logprob: match.logprob };
  }
  return {
    text:
      text +
      held
        .flush()
        .map((item) => item.text)
        .join(""),
  };
}

describe("HeldTokens", () => {
  it("holds back only what can still become a stop text", () => {
    const held = new HeldTokens(["</big>"]);
    expect(held.push(token("a <")).released).toEqual([]);
    expect(held.push(token("b")).released.map(({ text }) => text)).toEqual(["a <", "b"]);
    expect(held.push(token("<")).released).toEqual([]);
    expect(held.push(token("/bi")).released).toEqual([]);
    expect(held.count).toBe(2);
    expect(held.push(token("g>")).match).toMatchObject({ marker: "</big>", prefix: "", logprob: -3 });
  });

  it("gives the text before a stop text within its token, and no log-probability then", () => {
    expect(run(["STOP"], ["ab", "cST", "OPd"])).toEqual({ text: "abc", marker: "STOP", logprob: undefined });
  });

  it("takes the leftmost stop text, and of several the longest", () => {
    expect(run(["bc", "bcd", "cd"], ["a", "bcd"])).toMatchObject({ text: "a", marker: "bcd" });
  });

  it("holds an incomplete code point: a stop text may begin with it", () => {
    const held = new HeldTokens(["é"]);
    expect(held.push({ text: "", isOpen: true }).released).toEqual([]);
    expect(held.push({ text: "é", isOpen: false }).match).toMatchObject({ marker: "é", prefix: "" });
  });

  it("finds in any cutting what is in the whole text, and loses nothing", () => {
    const letters = fc.array(fc.constantFrom("a", "b", "<"), { maxLength: 5 }).map((all) => all.join(""));
    const texts = fc.array(letters, { maxLength: 12 });
    const markers = fc.array(
      letters.filter((text) => text !== ""),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(texts, markers, (parts, stops) => {
        const whole = parts.join("");
        // Character by character, the first stop text to be complete ends the text.
        let end = whole.length + 1;
        for (const stop of stops) {
          const at = whole.indexOf(stop);
          if (at >= 0) end = Math.min(end, at + stop.length);
        }
        const result = run(stops, parts);
        if (end > whole.length) expect(result).toEqual({ text: whole });
        else {
          expect(result.marker).toBeDefined();
          expect(whole.startsWith(result.text + (result.marker ?? ""))).toBe(true);
          expect(stops.some((stop) => result.text.includes(stop))).toBe(false);
        }
      }),
    );
  });
});
