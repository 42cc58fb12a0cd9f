/** `all` in a list of arms: every arm that has a name of its own, the matched random one of the method, and the big model last. */
import { ARM_HELP } from "./arms.ts";

/** In a list of arms, separated by commas, `all` stands for these; arms named besides it are not repeated. */
export function expandArms(list: string): string {
  const names = list.split(",").map((name) => name.trim());
  const expanded = names.flatMap((name) => (name === "all" ? allArms() : [name]));
  return names.includes("all") ? [...new Set(expanded)].join(",") : list;
}

/** Random arms with a share need a number that nobody has named. */
function allArms(): string[] {
  const named = ARM_HELP.map(([name]) => name).filter((name) => !/[A-Z]/u.test(name));
  return [...named.filter((name) => name !== "big"), "random~learned", "big"];
}
