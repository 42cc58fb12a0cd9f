/**
 * Bias on a server that has none. Forbidden tokens: draws are rejected until one is allowed, which gives exactly the distribution that is left.
 * A finite bias of b nats on a token of probability p: the token is taken with probability p e^b / (p e^b + 1 - p). Otherwise the draw is made
 * without it.
 */
import { EngineError } from "../../../../core/errors.ts";
import { type TokenId, tokenId } from "../../../../core/ids.ts";
import { createRng, hash32 } from "../../../../core/rng.ts";
import type { DrawnToken, DrawRequest } from "../../../../engines/token-backend.ts";
import type { PolicySource } from "./policy-source.ts";

const CANDIDATES = 16;
const MOST_ROUNDS = 8;

interface Candidate {
  readonly id: number;
  readonly logprob: number;
}

export async function drawBiased(
  source: PolicySource,
  ids: readonly TokenId[],
  request: DrawRequest,
  forbidden: ReadonlySet<TokenId>,
  seed: number,
): Promise<DrawnToken> {
  const banned = new Set<number>(forbidden);
  const lifted: { readonly id: TokenId; readonly nats: number }[] = [];
  for (const [id, nats] of request.bias) {
    if (nats === -Infinity) banned.add(id);
    else if (nats !== 0) lifted.push({ id, nats });
  }
  const { temperature } = request.sampling;
  const open = lifted.filter(({ id }) => !banned.has(id));
  if (open.length === 0) return asDrawn(await drawAllowed(source, ids, request, banned, seed));

  const last = ids.length - 1;
  const answers = await source.logprobs(
    open.map(({ id }) => ({
      tokens: ids,
      targets: ids.map((own, at) => (at === last ? id : (ids[at + 1] ?? own))),
    })),
  );
  const known = open.map(({ id, nats }, index) => ({
    id,
    nats,
    logprob: answers[index]?.[last] ?? -Infinity,
  }));
  if (temperature === 0) {
    const rest = new Set([...banned, ...open.map(({ id }) => id)]);
    const others = await drawAllowed(source, ids, request, rest, seed);
    let best: { readonly id: number; readonly logprob: number; readonly score: number } = {
      ...others,
      score: others.logprob,
    };
    for (const { id, nats, logprob } of known)
      if (logprob + nats > best.score) best = { id, logprob, score: logprob + nats };
    return asDrawn(best);
  }
  if (temperature !== 1 || (request.sampling.topP ?? 1) < 1)
    throw new EngineError(
      `a bias of the open tag cannot be combined with temperature ${temperature} and top-p ${request.sampling.topP ?? 1} on a trainer server; ` +
        "use temperature 0 or 1, or name a sampler in --trainer.",
      { code: "usage" },
    );
  const plain = known.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
  const masses = known.map(({ logprob, nats }) => Math.exp(Math.min(logprob + nats, 700)));
  const total = masses.reduce((sum, mass) => sum + mass, Math.max(0, 1 - plain));
  let point = createRng(hash32("bias", seed)).next() * total;
  for (const [index, mass] of masses.entries()) {
    const one = known[index];
    if (one !== undefined && point < mass) return asDrawn(one);
    point -= mass;
  }
  return asDrawn(
    await drawAllowed(source, ids, request, new Set([...banned, ...open.map(({ id }) => id)]), seed),
  );
}

const asDrawn = ({ id, logprob }: Candidate): DrawnToken => ({ id: tokenId(id), logprob });

async function drawAllowed(
  source: PolicySource,
  prompt: readonly TokenId[],
  { sampling }: DrawRequest,
  banned: ReadonlySet<number>,
  seed: number,
): Promise<Candidate> {
  const isGreedy = sampling.temperature === 0;
  const seen = new Map<number, number>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    // Greedily first: mostly the likeliest token is an allowed one. Then the likeliest of those is looked for among draws.
    const asIs = isGreedy && round === 0;
    const sequences = await source.sample({
      prompt,
      maxTokens: 1,
      samples: asIs ? 1 : CANDIDATES,
      temperature: asIs ? 0 : isGreedy ? 1 : sampling.temperature,
      topP: isGreedy ? 1 : (sampling.topP ?? 1),
      seed: hash32(`round ${round}`, seed) & 0x7fffffff,
      stops: [],
    });
    for (const { tokens, logprobs } of sequences) {
      const id = tokens[0];
      const logprob = logprobs?.[0];
      if (id === undefined || logprob === undefined) continue;
      if (!isGreedy && !banned.has(id)) return { id, logprob };
      seen.set(id, logprob);
      if (asIs && !banned.has(id)) return { id, logprob };
    }
    const found = isGreedy ? likeliestAllowed(seen, banned, round === MOST_ROUNDS - 1) : undefined;
    if (found !== undefined) return found;
  }
  throw new EngineError(
    `the policy model finds nothing likely here but forbidden tokens (${MOST_ROUNDS * CANDIDATES} draws); the rollout cannot continue.`,
    { code: "engine-failed" },
  );
}

/** Certain when all tokens that were not seen together are less likely; at the end, the likeliest of those seen. */
function likeliestAllowed(
  seen: ReadonlyMap<number, number>,
  banned: ReadonlySet<number>,
  isLast: boolean,
): Candidate | undefined {
  let best: Candidate | undefined;
  let mass = 0;
  for (const [id, logprob] of seen) {
    mass += Math.exp(logprob);
    if (!banned.has(id) && (best === undefined || logprob > best.logprob)) best = { id, logprob };
  }
  return best !== undefined && (isLast || Math.exp(best.logprob) >= 1 - mass) ? best : undefined;
}
