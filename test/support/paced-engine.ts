/** An engine whose every call and token takes a set time, by whatever `pass` waits for: a clock moved by hand, or timers, faked or not. */
import type { Engine, Sequence } from "../../src/engines/engine.ts";

/** Milliseconds. */
export interface EnginePace {
  readonly readToken: number;
  readonly readCall: number;
  readonly drawToken: number;
  /** Added to a draw for each token of the context. */
  readonly drawPerContext: number;
  readonly generateCall: number;
  readonly scoreToken: number;
  readonly scoreCall: number;
  readonly open: number;
}

export function pacedEngine(
  engine: Engine,
  pace: EnginePace,
  pass: (milliseconds: number) => Promise<void> | void,
): Engine {
  return withMethods(engine, {
    open: async (...given) => {
      await pass(pace.open);
      return pacedSequence(await engine.open(...given), pace, pass);
    },
  });
}

/** Behaves like engines in this process: the last token that is read waits for the draw that needs it, and a running draw is not stopped. */
function pacedSequence(
  sequence: Sequence,
  pace: EnginePace,
  pass: (milliseconds: number) => Promise<void> | void,
): Sequence {
  let unread = 0;
  return withMethods(sequence, {
    append: async (pieces, signal) => {
      const before = sequence.position;
      const outcome = await sequence.append(pieces, signal);
      const appended = sequence.position - before;
      const read = appended + unread - 1;
      if (appended > 0) unread = 1;
      if (read > 0) await pass(pace.readCall + read * pace.readToken);
      return outcome;
    },
    generate: async function* (options, signal) {
      await pass(pace.generateCall);
      const draws = sequence.generate(options, signal)[Symbol.asyncIterator]();
      let drawn = 0;
      try {
        for (;;) {
          const isAtLimit = drawn >= options.maxTokens;
          if (!isAtLimit) await pass(pace.drawToken + sequence.position * pace.drawPerContext);
          const step = await draws.next();
          if (step.done === true) return;
          unread = step.value.type === "token" ? 1 : isAtLimit ? unread : 0;
          drawn++;
          yield step.value;
        }
      } finally {
        await draws.return?.(undefined);
      }
    },
    score: async (pieces, options, signal) => {
      const before = sequence.position;
      const outcome = await sequence.score(pieces, options, signal);
      await pass(pace.scoreCall + (sequence.position - before + unread) * pace.scoreToken);
      unread = 0;
      return outcome;
    },
    truncate: async (position) => {
      unread = 0;
      await sequence.truncate(position);
    },
  });
}

function withMethods<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get: (object, name) => {
      const own = Reflect.get(methods, name) as unknown;
      if (own !== undefined) return own;
      const value = Reflect.get(object, name, object) as unknown;
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
}
