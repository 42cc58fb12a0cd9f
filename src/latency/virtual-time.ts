/**
 * Virtual time for two machines that work side by side. Each has a queue and does one job at a time. At every moment the decoder waits for
 * something, so all time has a cause.
 */

export type Role = "small" | "big";

/** The causes of waiting for output. They add up to the wall-clock. */
export const CAUSES = [
  "smallDecode", // the small model writes
  "bigDecode", // the big model writes
  "promptPrefill", // the first writer reads the prompt
  "handoffPrefill", // the next writer still has to read what the other one wrote
  "controlPrefill", // the small model reads what the big one writes; the big one waits or runs ahead meanwhile
  "overhead", // fixed costs of calls: requests, event loops, opening and closing
] as const;
export type Cause = (typeof CAUSES)[number];
export type SecondsByCause = Readonly<Record<Cause, number>>;

export type JobKind = "decode" | "prefill" | "overhead";

export interface Job {
  readonly kind: JobKind;
  done: boolean;
}

interface QueuedJob extends Job {
  /** Called once, when the job's turn comes. */
  readonly work: () => number;
  readonly onDone: (() => void) | undefined;
  leftMs: number | undefined;
}

/** Slow-down factors of jobs while the other machine works: 1 if the two share nothing. */
export type Slowdown = (kind: JobKind) => number;

class Machine {
  readonly queue: QueuedJob[] = [];
  readonly slowdown: Slowdown;

  constructor(slowdown: Slowdown) {
    this.slowdown = slowdown;
  }
}

export class VirtualTime {
  nowMs = 0;
  readonly #machines: Readonly<Record<Role, Machine>>;
  readonly #msByCause: Record<Cause, number>;
  readonly #busyMs: Record<Role, number> = { small: 0, big: 0 };

  constructor(slowdowns: Readonly<Record<Role, Slowdown>>) {
    this.#machines = { small: new Machine(slowdowns.small), big: new Machine(slowdowns.big) };
    this.#msByCause = Object.fromEntries(CAUSES.map((cause) => [cause, 0])) as Record<Cause, number>;
  }

  /** Milliseconds by cause; the sum is {@link nowMs}. */
  get msByCause(): Readonly<Record<Cause, number>> {
    return { ...this.#msByCause };
  }

  /** Milliseconds of work that each machine began, as long as it takes alone. */
  get busyMs(): Readonly<Record<Role, number>> {
    return { ...this.#busyMs };
  }

  /** Puts a job after the machine's others. `work` returns its duration alone on the machine, and is called when its turn comes. */
  enqueue(role: Role, kind: JobKind, work: () => number, onDone?: () => void): Job {
    const job: QueuedJob = { kind, work, onDone, done: false, leftMs: undefined };
    this.#machines[role].queue.push(job);
    return job;
  }

  /** The job that a machine is doing, if any. */
  active(role: Role): Job | undefined {
    return this.#machines[role].queue[0];
  }

  /** Drops the jobs whose turn has not come. */
  dropWaiting(role: Role): void {
    this.#machines[role].queue.length = Math.min(1, this.#machines[role].queue.length);
  }

  /**
   * Lets time pass until `isOver`, checked after each job, or until `deadlineMs`. The time counts under `cause`, except while the machine waited
   * for does an overhead.
   */
  waitFor(role: Role, cause: Cause, isOver: () => boolean, deadlineMs = Infinity): void {
    while (!isOver()) {
      const next = this.#nextEvent();
      const atMs = Math.min(next?.atMs ?? Infinity, Math.max(deadlineMs, this.nowMs));
      if (atMs === Infinity) throw new TypeError("VirtualTime: nothing is under way to wait for");
      const isOverhead = this.active(role)?.kind === "overhead";
      this.#pass(atMs - this.nowMs, isOverhead ? "overhead" : cause);
      if (next === undefined || next.atMs > atMs) return;
      this.#finish(next.machine);
    }
  }

  /** Runs one job to its end. */
  run(role: Role, kind: JobKind, workMs: number, cause: Cause): void {
    const job = this.enqueue(role, kind, () => workMs);
    this.waitFor(role, cause, () => job.done);
  }

  #nextEvent(): { readonly machine: Machine; readonly atMs: number } | undefined {
    const { small, big } = this.#machines;
    this.#begin("small");
    this.#begin("big");
    let next: { machine: Machine; atMs: number } | undefined;
    for (const machine of [small, big]) {
      const [job] = machine.queue;
      if (job === undefined) continue;
      const atMs = this.nowMs + (job.leftMs ?? 0) * this.#slowness(machine);
      if (next === undefined || atMs < next.atMs) next = { machine, atMs };
    }
    return next;
  }

  #begin(role: Role): void {
    const [job] = this.#machines[role].queue;
    if (job === undefined || job.leftMs !== undefined) return;
    job.leftMs = job.work();
    this.#busyMs[role] += job.leftMs;
  }

  #slowness(machine: Machine): number {
    const { small, big } = this.#machines;
    const other = machine === small ? big : small;
    const [job] = machine.queue;
    return job === undefined || other.queue.length === 0 ? 1 : machine.slowdown(job.kind);
  }

  #pass(ms: number, cause: Cause): void {
    const { small, big } = this.#machines;
    const rates = [small, big].map((machine) => 1 / this.#slowness(machine));
    for (const [index, { queue }] of [small, big].entries()) {
      const [job] = queue;
      if (job?.leftMs !== undefined) job.leftMs = Math.max(0, job.leftMs - ms * (rates[index] ?? 1));
    }
    this.nowMs += ms;
    this.#msByCause[cause] += ms;
  }

  #finish({ queue }: Machine): void {
    const job = queue.shift();
    if (job === undefined) return;
    job.done = true;
    job.onDone?.();
  }
}
