import { describe, expect, it } from "vitest";

import { duration, percent, points, pValueText } from "../../core/figures.ts";
import { ConfigError, DataError, SplitReasonError } from "../../core/errors.ts";
import { describeError, exitStatus } from "./exit-status.ts";
import { renderTable } from "./table.ts";
import { printable, printableLine, wantsColor } from "./terminal.ts";

describe("printable", () => {
  it("shows control sequences instead of obeying them", () => {
    expect(printable("a\u001b[2Jb")).toBe("a\\x1b[2Jb");
    expect(printable("\u001b]0;title\u0007")).toBe("\\x1b]0;title\\x07");
    expect(printable("\u009b31m")).toBe("\\x9b31m");
    expect(printable("over\rwrite")).toBe("over\\x0dwrite");
    expect(printable("a\u202eb\u2066c")).toBe("a\\u202eb\\u2066c");
    expect(printable("\ud800")).toBe("\\ud800");
  });

  it("leaves text alone, whatever its script", () => {
    const text = "line\n\ttabbed é 漢字 שלום 👩‍💻 \\boxed{16}";
    expect(printable(text)).toBe(text);
    expect(printable("a\r\nb")).toBe("a\nb");
    expect(printableLine("a\n  b\n")).toBe("a b ");
  });
});

describe("wantsColor", () => {
  it.each([
    [{}, true, undefined, true],
    [{}, false, undefined, false],
    [{}, true, false, false],
    [{ NO_COLOR: "1" }, true, undefined, false],
    [{ NO_COLOR: "" }, true, undefined, true],
    [{ FORCE_COLOR: "1" }, false, undefined, true],
    [{ FORCE_COLOR: "0" }, true, undefined, false],
    [{ FORCE_COLOR: "1", NO_COLOR: "1" }, true, undefined, false],
    [{ FORCE_COLOR: "1" }, true, false, false],
    [{ TERM: "dumb" }, true, undefined, false],
  ])("%j, terminal %s, flag %s: %s", (environment, isTerminal, flag, expected) => {
    expect(wantsColor(environment, isTerminal, flag)).toBe(expected);
  });
});

describe("exit statuses", () => {
  it("tells wrong calls from failures in use", () => {
    expect(exitStatus(new ConfigError("x", { code: "config-invalid" }))).toBe(2);
    expect(exitStatus(new ConfigError("x", { code: "pair-mismatch" }))).toBe(2);
    expect(exitStatus(new DataError("x", { code: "file-missing" }))).toBe(1);
    expect(exitStatus(new SplitReasonError("x", { code: "aborted" }))).toBe(130);
    expect(exitStatus(new TypeError("x"))).toBe(1);
  });

  it("describes an error in one line, and with its stack and causes under --debug", () => {
    const error = new DataError("cannot read\n  it\u001b[0m", {
      code: "file-unreadable",
      cause: new Error("deep"),
    });
    expect(describeError(error, false)).toBe("splitreason: cannot read it\\x1b[0m\n");
    const debug = describeError(error, true);
    expect(debug).toContain("terminal.test.ts");
    expect(debug).toContain("caused by: Error: deep");
    expect(describeError(new TypeError("oops"), false)).toBe(
      "splitreason: oops (unexpected; --debug shows where)\n",
    );
  });
});

describe("tables and figures", () => {
  it("aligns columns and leaves nothing at line ends", () => {
    const rows = [
      { name: "a", value: 1 },
      { name: "long name", value: 100 },
    ];
    expect(
      renderTable(
        [
          { title: "arm", cell: ({ name }) => name },
          { title: "n", cell: ({ value }) => String(value), align: "right" },
          { title: "note", cell: () => "" },
        ],
        rows,
      ),
    ).toBe("arm          n  note\na            1\nlong name  100\n");
  });

  it("writes figures as people read them", () => {
    expect(percent(0.97666)).toBe("97.7%");
    expect([points(0.501), points(-0.02), points(0)]).toEqual(["+50.1", "-2.0", "+0.0"]);
    expect([3.21, 850, 4200, 200_000, 7_500_000].map(duration)).toEqual([
      "3.2 ms",
      "850 ms",
      "4.2 s",
      "3 min 20 s",
      "2 h 05 min",
    ]);
    expect([pValueText(0.0001), pValueText(0.0421)]).toEqual(["p < 0.001", "p = 0.042"]);
  });
});
