/** Builds the playground into dist/web, which the gateway serves at `/`. It is complete: the page loads nothing from other hosts. */
import { join } from "node:path";

import { defineConfig, type Plugin } from "vite";

/** The gateway that answers during development (`vite` without `build`). */
const gateway = process.env["SPLITREASON_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses, so that the page also works behind a path prefix of a reverse proxy.
  base: "./",
  plugins: [onlyWoff2()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/v1": gateway, "/playground.json": gateway } },
  build: {
    outDir: join(import.meta.dirname, "..", "..", "dist", "web"),
    emptyOutDir: true,
    target: ["chrome123", "firefox121", "safari17.5"],
    // The content security policy has no room for data: fonts or inline scripts.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 400,
    // It warns of slow plugins whenever the machine is busy.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});

/** Keeps the smallest of the three font formats in KaTeX's style sheet. Every browser that can run this page reads it. */
function onlyWoff2(): Plugin {
  return {
    name: "splitreason:only-woff2",
    enforce: "pre",
    transform: {
      filter: { id: /katex(?:\.min)?\.css/ },
      handler: (code) => code.replaceAll(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\("[a-z]+"\)/g, ""),
    },
  };
}
