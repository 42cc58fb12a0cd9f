/** Runs a whole gateway from its configuration: guarded engines, routes, a socket, and an orderly end. */
import { type Clock, systemClock } from "../core/clock.ts";
import { ConfigError, EngineError } from "../core/errors.ts";
import type { Author } from "../decode/index.ts";
import { contextNeed, contextOptions } from "../decode/pair/context-need.ts";
import { Pair } from "../decode/pair/pair.ts";
import type { PairConfig } from "../decode/pair/pair-config.ts";
import type { Engine } from "../engines/engine.ts";
import { openEngine } from "../engines/open/open-engine.ts";
import { parseEngineSpec } from "../engines/open/spec.ts";
import { AccessLog } from "./observability/access-log.ts";
import { Admission } from "./generation/admission.ts";
import { type GatewayConfig, isLoopback, pairOf } from "./config/config.ts";
import { createGateway, type GatewayOptions } from "./gateway.ts";
import { guardEngine, type GuardedEngine } from "./guard/guarded-engine.ts";
import { GatewayMetrics } from "./observability/metrics.ts";
import { listen } from "./server.ts";

export interface RunOptions {
  readonly apiKey?: string | undefined;
  readonly examples?: NonNullable<GatewayOptions["examples"]>;
  readonly log?: AccessLog;
  readonly clock?: Clock;
  /** Opens the model of a spec. Default: {@link openEngine}. */
  readonly open?: (spec: string, signal: AbortSignal) => Promise<Engine>;
  /** Ends the start. A running gateway is ended by `close`. */
  readonly signal?: AbortSignal;
}

export interface RunningGateway {
  readonly url: string;
  /** Refuses new requests and gives running ones `drainMs` to end, then stops them. Resolves when everything is closed. */
  close(drainMs?: number): Promise<void>;
}

/**
 * Resolves when the gateway answers. A model that is away does not keep it from starting.
 * @throws ConfigError, DataError or EngineError for problems that waiting does not cure. Nothing stays open then.
 */
export async function runGateway(config: GatewayConfig, options: RunOptions = {}): Promise<RunningGateway> {
  const { apiKey, clock = systemClock, examples, signal } = options;
  const pairConfig = await pairOf(config);
  const log = options.log ?? new AccessLog({ logPrompts: config.logPrompts });
  const metrics = new GatewayMetrics({ process: true });
  const admission = new Admission(config.limits, { clock });
  metrics.watchAdmission(admission);
  const guard = async (author: Author): Promise<GuardedEngine> => {
    const templateUntilOpen = await templateBeforeOpening(pairConfig, author);
    const open = options.open ?? ((spec, aborted) => openForServing(spec, config, pairConfig, aborted));
    return guardEngine((aborted) => open(pairConfig[author], aborted), {
      name: pairConfig[author],
      ...config.breaker,
      templateUntilOpen,
      accept: (engine) => requireTemplate(engine, pairConfig),
      onHealth: (health, trouble) => {
        metrics.setEngineHealth(author, health);
        log.engine(author, health, trouble);
      },
    });
  };
  const small = await guard("small");
  const big = await guard("big");
  const closeEngines = async (): Promise<void> => {
    await Promise.all([small.close(), big.close()]);
  };
  try {
    await small.start(signal);
    await big.start(signal);
    const app = createGateway({
      pair: new Pair(pairConfig, { small, big }),
      config,
      admission,
      metrics,
      log,
      apiKey,
      clock,
      ...(examples === undefined ? {} : { examples }),
    });
    if (apiKey === undefined && !isLoopback(config.host)) {
      log.event("warn", "anyone who can reach this address can use the models: set apiKeyEnv or apiKeyFile", {
        host: config.host,
      });
    }
    const server = await listen(app, config);
    log.event("info", "listening", { url: server.url, small: pairConfig.small, big: pairConfig.big });
    return {
      url: server.url,
      close: async (drainMs = config.drainMs) => {
        log.event("info", "draining", { running: admission.running, waiting: admission.waiting, drainMs });
        admission.close();
        await server.close({ drainMs });
        await closeEngines();
        log.event("info", "stopped");
      },
    };
  } catch (error) {
    await closeEngines();
    throw error;
  }
}

/**
 * The template until the model has been opened. It is the model's own where the configuration names it. Otherwise it is a stand-in,
 * with which the other model can still answer.
 */
async function templateBeforeOpening(pair: PairConfig, author: Author): Promise<string> {
  if (pair.template !== undefined) return pair.template;
  if (!isRemote(pair[author])) return STAND_IN;
  const parsed = parseEngineSpec(pair[author]);
  if (parsed.kind !== "http" || parsed.template === undefined) return STAND_IN;
  const { readTemplate } = await import("../engines/http/chat-templates.ts");
  return readTemplate(parsed.template);
}

const STAND_IN = "chatml";
const isRemote = (spec: string): boolean => spec.startsWith("openai:");

/** Opens a model. Embedded models get one sequence for each generation that may run. */
async function openForServing(
  spec: string,
  config: GatewayConfig,
  pair: PairConfig,
  signal: AbortSignal,
): Promise<Engine> {
  const { threads, contextTokens } = config.embedded;
  const { concurrent } = config.limits;
  try {
    return await openEngine(
      spec,
      {
        sequences: concurrent,
        markers: [pair.tags.open, pair.tags.close],
        ...(threads === undefined ? {} : { threads }),
        ...contextOptions(contextTokens, servedContext(config, pair)),
      },
      signal,
    );
  } catch (error) {
    if (isRemote(spec) || !(error instanceof EngineError) || error.code !== "engine-failed") throw error;
    throw new EngineError(
      `${error.message} It was to hold ${concurrent} generations at once: less memory is needed with a lower limits.concurrent ` +
        `or embedded.contextTokens.`,
      { code: error.code, cause: error },
    );
  }
}

/** Tokens of a conversation before the answer, where the configuration does not limit them. */
const USUAL_PROMPT = 4096;
const LONGEST_DEFAULT = 8192;

/** Tokens of context for each place: the longest prompt, and an answer of the pair's default length. */
const servedContext = ({ limits }: GatewayConfig, pair: PairConfig): number =>
  Math.min(LONGEST_DEFAULT, contextNeed(pair, limits.promptTokens ?? USUAL_PROMPT));

/** Checks that there is a chat template. Only an open engine can tell, and no request can be rendered without one. */
function requireTemplate(engine: Engine, pair: PairConfig): void {
  if (pair.template !== undefined || engine.chatTemplate !== undefined) return;
  throw new ConfigError(
    `${engine.model} has no chat template of its own: name one in the pair, e.g. "template": "chatml".`,
    { code: "config-invalid" },
  );
}
