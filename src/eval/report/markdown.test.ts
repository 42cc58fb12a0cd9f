import { expect, test } from "vitest";

import { escaped } from "./markdown.ts";

test("names stay readable, markup becomes text", () => {
  expect(escaped("random~learned")).toBe("random~learned");
  expect(escaped("run_1/step-score")).toBe("run_1/step-score");
  expect(escaped("a | b\n<script>alert(1)</script>")).toBe("a \\| b \\<script\\>alert(1)\\</script\\>");
  expect(escaped("~struck~ _em_ **b** [x](y) `c` ![i](u)")).toBe(
    "\\~struck\\~ \\_em\\_ \\*\\*b\\*\\* \\[x\\](y) \\`c\\` \\!\\[i\\](u)",
  );
  expect(escaped("&lt;\u202e\u0000x")).toBe("&amp;lt; x");
});
