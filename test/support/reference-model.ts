/**
 * The forward pass of a tiny Qwen3 model in plain TypeScript: naive, over the whole text each time, sums in float64. What engines
 * and decoders are compared with.
 */
import type { TinyLayer, TinyModel } from "./tiny-models.ts";

/** Logits after each token, `[ids.length][vocabularySize]`. */
export function referenceLogits(model: TinyModel, ids: readonly number[]): Float64Array[] {
  return finalStates(model, ids).map((state) => outputLogits(model, state));
}

export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  let highest = -Infinity;
  for (let index = 0; index < logits.length; index++) highest = Math.max(highest, logits[index] ?? -Infinity);
  let sum = 0;
  for (let index = 0; index < logits.length; index++) sum += Math.exp((logits[index] ?? -Infinity) - highest);
  const normalizer = highest + Math.log(sum);
  return Float64Array.from(
    { length: logits.length },
    (_, index) => (logits[index] ?? -Infinity) - normalizer,
  );
}

/** The lowest index of the highest value. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] ?? -Infinity) > (values[best] ?? -Infinity)) best = index;
  }
  return best;
}

function outputLogits(model: TinyModel, state: Float64Array): Float64Array {
  return multiply(model.embedding, normalized(state, model.outputNorm, model.epsilon), model.vocabularySize);
}

/** The residual stream after the last layer, one vector for each token. */
function finalStates(model: TinyModel, ids: readonly number[]): Float64Array[] {
  const { width } = model;
  let states = ids.map((id) => Float64Array.from(model.embedding.subarray(id * width, (id + 1) * width)));
  for (const layer of model.weights) {
    const attended = attention(model, layer, states);
    states = attended.map((state) => {
      const hidden = normalized(state, layer.feedForwardNorm, model.epsilon);
      const gate = multiply(layer.gate, hidden, model.feedForward);
      const up = multiply(layer.up, hidden, model.feedForward);
      const mixed = gate.map((value, index) => (value / (1 + Math.exp(-value))) * (up[index] ?? 0));
      return added(state, multiply(layer.down, mixed, width));
    });
  }
  return states;
}

function attention(model: TinyModel, layer: TinyLayer, states: readonly Float64Array[]): Float64Array[] {
  const { heads, keyValueHeads, headSize, epsilon } = model;
  const keys: Float64Array[] = [];
  const values: Float64Array[] = [];
  return states.map((state, position) => {
    const hidden = normalized(state, layer.attentionNorm, epsilon);
    const query = multiply(layer.query, hidden, heads * headSize);
    const key = multiply(layer.key, hidden, keyValueHeads * headSize);
    normalizeHeads(query, layer.queryNorm, epsilon);
    normalizeHeads(key, layer.keyNorm, epsilon);
    rotate(query, headSize, position, model.ropeBase);
    rotate(key, headSize, position, model.ropeBase);
    keys.push(key);
    values.push(multiply(layer.value, hidden, keyValueHeads * headSize));
    const mixed = new Float64Array(heads * headSize);
    for (let head = 0; head < heads; head++) {
      const shared = Math.floor(head / (heads / keyValueHeads)) * headSize;
      const scores = keys.map((past) => {
        let score = 0;
        for (let axis = 0; axis < headSize; axis++) {
          score += (query[head * headSize + axis] ?? 0) * (past[shared + axis] ?? 0);
        }
        return score / Math.sqrt(headSize);
      });
      const shares = logSoftmax(scores).map((value) => Math.exp(value));
      for (const [time, past] of values.entries()) {
        for (let axis = 0; axis < headSize; axis++) {
          const at = head * headSize + axis;
          mixed[at] = (mixed[at] ?? 0) + (shares[time] ?? 0) * (past[shared + axis] ?? 0);
        }
      }
    }
    return added(state, multiply(layer.output, mixed, model.width));
  });
}

/** NEOX order: dimension i turns with i + headSize / 2. */
function rotate(vector: Float64Array, headSize: number, position: number, base: number): void {
  const half = headSize / 2;
  for (let start = 0; start < vector.length; start += headSize) {
    for (let axis = 0; axis < half; axis++) {
      const angle = position * base ** ((-2 * axis) / headSize);
      const first = vector[start + axis] ?? 0;
      const second = vector[start + axis + half] ?? 0;
      vector[start + axis] = first * Math.cos(angle) - second * Math.sin(angle);
      vector[start + axis + half] = first * Math.sin(angle) + second * Math.cos(angle);
    }
  }
}

function normalizeHeads(vector: Float64Array, gain: Float32Array, epsilon: number): void {
  for (let start = 0; start < vector.length; start += gain.length) {
    vector.set(normalized(vector.subarray(start, start + gain.length), gain, epsilon), start);
  }
}

function normalized(vector: Float64Array, gain: Float32Array, epsilon: number): Float64Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const scale = 1 / Math.sqrt(squares / vector.length + epsilon);
  return vector.map((value, index) => value * scale * (gain[index] ?? 0));
}

/** `matrix` is row-major `[rows, vector.length]`. */
function multiply(matrix: Float32Array, vector: Float64Array, rows: number): Float64Array {
  const result = new Float64Array(rows);
  const columns = vector.length;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    const start = row * columns;
    for (let column = 0; column < columns; column++)
      sum += (matrix[start + column] ?? 0) * (vector[column] ?? 0);
    result[row] = sum;
  }
  return result;
}

function added(left: Float64Array, right: Float64Array): Float64Array<ArrayBuffer> {
  return Float64Array.from(left, (value, index) => value + (right[index] ?? 0));
}
