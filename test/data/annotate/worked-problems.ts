/**
 * Problems with worked solutions in GSM8K's form (a line a step, calculations also as `<<16-3-4=9>>`, the answer behind `####`): GSM8K's
 * own test split where it lies beside the checkout, and twelve of our own with drawn numbers where it does not.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import type { Rng } from "../../../src/core/rng.ts";

export interface WorkedProblem {
  readonly id: string;
  readonly problem: string;
  readonly solution: string;
  readonly answer: string;
}

/** Seen from the root of the checkout, in which tests and benchmarks run. */
const GSM8K = join(process.cwd(), "..", "shared", "data", "benchmarks", "gsm8k.jsonl");

const rowSchema = z.object({ id: z.string(), problem: z.string(), solution: z.string(), answer: z.string() });

export const hasGsm8k = (): boolean => existsSync(GSM8K);

/** The first `count` problems of GSM8K, or as many of our own. */
export function workedProblems(count: number, rng: Rng): WorkedProblem[] {
  if (hasGsm8k()) {
    const lines = readFileSync(GSM8K, "utf8").trimEnd().split("\n").slice(0, count);
    return lines.map((line) => rowSchema.parse(JSON.parse(line)));
  }
  return Array.from({ length: count }, (_, index) => {
    const write = OWN[index % OWN.length] as Writer;
    const [problem, steps, answer] = write((least, most) => rng.integer(least, most));
    return {
      id: `own-${index}`,
      problem,
      solution: `${steps.join("\n")}\n#### ${answer}`,
      answer: String(answer),
    };
  });
}

type Draw = (least: number, most: number) => number;
type Writer = (draw: Draw) => [problem: string, steps: string[], answer: number];

const calc = (text: string, value: number): string =>
  `${text} = <<${text.replaceAll(" ", "")}=${value}>>${value}`;

const OWN: readonly Writer[] = [
  (draw) => {
    const [shelves, books, lent] = [draw(4, 19), draw(12, 48), draw(5, 40)];
    return [
      `A library has ${shelves} shelves with ${books} books each. ${lent} books are lent out. How many are left?`,
      [
        `The library owns ${calc(`${shelves} * ${books}`, shelves * books)} books.`,
        `After lending there are ${calc(`${shelves * books} - ${lent}`, shelves * books - lent)} books left.`,
      ],
      shelves * books - lent,
    ];
  },
  (draw) => {
    const [speed, hours, rest] = [draw(41, 88), draw(3, 9), draw(15, 60)];
    return [
      `A train runs at ${speed} km an hour for ${hours} hours and then ${rest} km more. How far does it go?`,
      [
        `In ${hours} hours the train covers ${calc(`${speed} * ${hours}`, speed * hours)} km.`,
        `With the last stretch that makes ${calc(`${speed * hours} + ${rest}`, speed * hours + rest)} km.`,
      ],
      speed * hours + rest,
    ];
  },
  (draw) => {
    const [hens, eggs, days] = [draw(11, 35), draw(2, 6), draw(12, 30)];
    return [
      `Each of ${hens} hens lays ${eggs} eggs a week. How many dozens of eggs are there after ${days * 12} weeks?`,
      [
        `All the hens lay ${calc(`${hens} * ${eggs}`, hens * eggs)} eggs in one week.`,
        `In ${days * 12} weeks that is ${calc(`${hens * eggs} * ${days * 12}`, hens * eggs * days * 12)} eggs.`,
        `A dozen is twelve, so there are ${calc(`${hens * eggs * days * 12} / 12`, hens * eggs * days)} dozens.`,
      ],
      hens * eggs * days,
    ];
  },
  (draw) => {
    const [price, count, coupon] = [draw(7, 29), draw(6, 18), draw(5, 40)];
    return [
      `Mira buys ${count} notebooks at $${price} each and has a coupon for $${coupon}. What does she pay?`,
      [
        `Without the coupon the notebooks cost $${calc(`${price} * ${count}`, price * count)}.`,
        `The coupon takes $${coupon} off, so Mira pays $${calc(`${price * count} - ${coupon}`, price * count - coupon)}.`,
      ],
      price * count - coupon,
    ];
  },
  (draw) => {
    const [width, length, tile] = [draw(6, 24) * 2, draw(8, 30) * 2, 4];
    return [
      `A floor is ${width} feet by ${length} feet. A tile covers ${tile} square feet. How many tiles are needed?`,
      [
        `The floor has an area of ${calc(`${width} * ${length}`, width * length)} square feet.`,
        `Each tile covers ${tile} of these, so ${calc(`${width * length} / ${tile}`, (width * length) / tile)} tiles are needed.`,
      ],
      (width * length) / tile,
    ];
  },
  (draw) => {
    const [wage, hours, weeks, rent] = [draw(13, 27), draw(18, 39), draw(3, 8), draw(150, 460)];
    return [
      `Tom earns $${wage} an hour and works ${hours} hours a week. What is left of ${weeks} weeks' pay after $${rent} of rent?`,
      [
        `Tom earns $${calc(`${wage} * ${hours}`, wage * hours)} in a week.`,
        `Over ${weeks} weeks he gets $${calc(`${wage * hours} * ${weeks}`, wage * hours * weeks)}.`,
        `Once the rent is paid, $${calc(`${wage * hours * weeks} - ${rent}`, wage * hours * weeks - rent)} remain.`,
      ],
      wage * hours * weeks - rent,
    ];
  },
  (draw) => {
    const [first, ratio] = [draw(3, 9), draw(2, 4)];
    return [
      `A sequence starts at ${first} and each term is ${ratio} times the one before. What is the sum of its first four terms?`,
      [
        `The second term is ${calc(`${first} * ${ratio}`, first * ratio)}.`,
        `The third one is ${calc(`${first * ratio} * ${ratio}`, first * ratio ** 2)}.`,
        `The fourth is ${calc(`${first * ratio ** 2} * ${ratio}`, first * ratio ** 3)}.`,
        `Their sum is ${calc(
          `${first} + ${first * ratio} + ${first * ratio ** 2} + ${first * ratio ** 3}`,
          first * (1 + ratio + ratio ** 2 + ratio ** 3),
        )}.`,
      ],
      first * (1 + ratio + ratio ** 2 + ratio ** 3),
    ];
  },
  (draw) => {
    const [people, plates, spare] = [draw(23, 64), draw(2, 5), draw(9, 30)];
    return [
      `${people} guests need ${plates} plates each, and ${spare} plates are kept spare. How many plates are there?`,
      [
        `The guests use ${calc(`${people} * ${plates}`, people * plates)} plates between them.`,
        `Counting the spare ones there are ${calc(`${people * plates} + ${spare}`, people * plates + spare)} plates.`,
      ],
      people * plates + spare,
    ];
  },
  (draw) => {
    const [tank, rate, minutes] = [draw(400, 900), draw(6, 14), draw(12, 28)];
    return [
      `A tank holds ${tank} litres. A pump takes out ${rate} litres a minute for ${minutes} minutes. What is left?`,
      [
        `The pump takes ${calc(`${rate} * ${minutes}`, rate * minutes)} litres out of the tank.`,
        `So ${calc(`${tank} - ${rate * minutes}`, tank - rate * minutes)} litres stay in it.`,
      ],
      tank - rate * minutes,
    ];
  },
  (draw) => {
    const [boys, girls, buses] = [draw(31, 88) * 5, draw(30, 80) * 5, 5];
    return [
      `${boys} boys and ${girls} girls go on a trip in ${buses} full buses. How many are in each bus?`,
      [
        `Altogether ${calc(`${boys} + ${girls}`, boys + girls)} children go.`,
        `Split over ${buses} buses that is ${calc(`${boys + girls} / ${buses}`, (boys + girls) / buses)} in each.`,
      ],
      (boys + girls) / buses,
    ];
  },
  (draw) => {
    const [age, years] = [draw(7, 16), draw(4, 12)];
    return [
      `Ana is ${age}. Her uncle is four times as old. How old will both be together in ${years} years?`,
      [
        `Her uncle is ${calc(`4 * ${age}`, 4 * age)} now.`,
        `Together they are ${calc(`${age} + ${4 * age}`, 5 * age)} years old today.`,
        `Each of the two grows ${years} years older, which gives ${calc(`${5 * age} + 2 * ${years}`, 5 * age + 2 * years)}.`,
      ],
      5 * age + 2 * years,
    ];
  },
  (draw) => {
    const [pages, days, read] = [draw(18, 45) * 10, 10, draw(20, 90)];
    return [
      `A book has ${pages + read} pages, of which ${read} are read. The rest is read in ${days} days. How many pages a day?`,
      [
        `There are ${calc(`${pages + read} - ${read}`, pages)} pages to go.`,
        `Over ${days} days that comes to ${calc(`${pages} / ${days}`, pages / days)} pages a day.`,
      ],
      pages / days,
    ];
  },
];
