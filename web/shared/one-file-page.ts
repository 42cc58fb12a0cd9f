/** Builds a page as one file that contains its program and style. Its content security policy names both by digest. */
import { createHash } from "node:crypto";
import { join } from "node:path";

import type { Plugin, UserConfig } from "vite";

/** Builds `folder`/index.html into dist/`name`/page.html. */
export function oneFilePage(folder: string, name: string): UserConfig {
  return {
    root: folder,
    base: "./",
    publicDir: false,
    plugins: [oneFile()],
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir: join(import.meta.dirname, "..", "..", "dist", name),
      emptyOutDir: true,
      target: ["chrome123", "firefox121", "safari17.5"],
      modulePreload: false,
      cssCodeSplit: false,
      reportCompressedSize: false,
      rolldownOptions: { checks: { pluginTimings: false } },
    },
  };
}

/** Puts script and style into the HTML, after a policy that allows these two and nothing else. */
function oneFile(): Plugin {
  return {
    name: "splitreason:one-file",
    enforce: "post",
    generateBundle(_options, bundle) {
      const files = Object.values(bundle);
      const html = files.find((file) => file.fileName === "index.html");
      const script = files.find((file) => file.type === "chunk");
      const style = files.find((file) => file.fileName.endsWith(".css"));
      if (html?.type !== "asset" || script === undefined || style?.type !== "asset") {
        throw new Error(
          `The page should be one HTML, one script and one style; it is ${Object.keys(bundle).join(", ")}.`,
        );
      }
      // `</script` and `<!--` within the program would end or confuse its element.
      const code = script.code.replaceAll(/<(?=\/script|!--)/gi, "\\x3c");
      const css = String(style.source);
      const policy = [
        "default-src 'none'",
        `script-src '${digest(code)}'`,
        `style-src '${digest(css)}'`,
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ].join("; ");
      const page = String(html.source)
        .replaceAll(/\s*<(?:script type="module"|link rel="stylesheet")[^>]*>(?:<\/script>)?/g, "")
        .replace(
          '<meta charset="utf-8" />',
          () =>
            `<meta charset="utf-8" />\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`,
        )
        .replace("</head>", () => `  <style>${css}</style>\n  </head>`)
        .replace("</body>", () => `  <script type="module">${code}</script>\n  </body>`);
      for (const file of files) delete bundle[file.fileName];
      this.emitFile({ type: "asset", fileName: "page.html", source: page });
    },
  };
}

const digest = (text: string): string => `sha256-${createHash("sha256").update(text).digest("base64")}`;
