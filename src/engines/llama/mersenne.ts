/**
 * The first uniform number of llama.cpp's sampler for a seed: `std::uniform_real_distribution<double>` over `std::mt19937`
 * (Matsumoto and Nishimura 1998). With it, a draw made here from logits is the draw that llama.cpp makes from the same logits.
 */

const STATE_WORDS = 624;
const SHIFT_WORDS = 397;

/** The first uniform number in [0, 1). @param seed A 32-bit number. */
export function firstUniform(seed: number): number {
  // The first two outputs depend on words 0 to 2, 397 and 398 of the initial state only.
  const state = new Uint32Array(SHIFT_WORDS + 2);
  state[0] = seed >>> 0;
  for (let index = 1; index < state.length; index++) {
    const previous = state[index - 1] ?? 0;
    state[index] = Math.imul(1812433253, previous ^ (previous >>> 30)) + index;
  }
  const low = temper(twist(state, 0));
  const high = temper(twist(state, 1));
  return (low + high * 2 ** 32) / 2 ** 64;
}

/** A seed of 31 bits. The largest seed of 32 bits makes llama.cpp use the time instead. */
export const asLlamaSeed = (hash: number): number => hash >>> 1;

function twist(state: Uint32Array, index: number): number {
  const mixed = ((state[index] ?? 0) & 0x80000000) | ((state[(index + 1) % STATE_WORDS] ?? 0) & 0x7fffffff);
  const shifted = (mixed >>> 1) ^ ((mixed & 1) === 0 ? 0 : 0x9908b0df);
  return ((state[index + SHIFT_WORDS] ?? 0) ^ shifted) >>> 0;
}

function temper(word: number): number {
  let value = word;
  value ^= value >>> 11;
  value ^= (value << 7) & 0x9d2c5680;
  value ^= (value << 15) & 0xefc60000;
  value ^= value >>> 18;
  return value >>> 0;
}
