/**
 * Serves the built playground. The folder is read once, at start. Only the files in it at that time can be requested, so no path from
 * outside reaches the file system. Answers carry a content security policy: the page can load from and talk to this server only.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";

import { type Context, Hono } from "hono";

import { ConfigError } from "../../core/errors.ts";

/** Most bytes of a site. The playground has well under 2 MB, so a folder with more is the wrong one. */
const MAX_SITE_BYTES = 32 * 1024 * 1024;

/**
 * Forbids inline scripts and styles, other hosts and frames. Style sheets hold `data:` images. With `trusted-types 'none'` a
 * browser also refuses every way of turning a string into markup.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

/** Formats that are already compressed. */
const INCOMPRESSIBLE = new Set([".woff2"]);

interface SiteFile {
  readonly body: Uint8Array<ArrayBuffer>;
  /** The compressed body, made at the first request. Undefined where compression gains nothing. */
  readonly zipped: () => Uint8Array<ArrayBuffer> | undefined;
  readonly contentType: string;
  readonly etag: string;
  /** Whether the name holds a hash of the content, so that clients may keep the file for ever. */
  readonly immutable: boolean;
}

/**
 * Makes the routes of one folder: `/` is its index.html, and every other file has its own path. Other paths fall through.
 * @throws ConfigError when the folder has no index.html, or is too large to be the playground.
 */
export function staticSite(folder: string): Hono {
  const files = readSite(folder);
  const app = new Hono();
  for (const [path, file] of files) {
    app.get(path, (context) => answer(context, file));
  }
  return app;
}

/** Finds the folder that `npm run build:web` writes, from the sources and from dist/. Undefined when it has not been built. */
export function findBuiltSite(): string | undefined {
  const candidates = [
    join(import.meta.dirname, "..", "..", "web"),
    join(import.meta.dirname, "..", "..", "..", "dist", "web"),
  ];
  return candidates.find((folder) => existsSync(join(folder, "index.html")));
}

function readSite(folder: string): ReadonlyMap<string, SiteFile> {
  if (!existsSync(join(folder, "index.html"))) {
    throw new ConfigError(`playground: no index.html in ${folder}; build it with npm run build:web`, {
      code: "file-missing",
    });
  }
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const sizeBytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  if (sizeBytes > MAX_SITE_BYTES) {
    throw new ConfigError(
      `playground: ${folder} holds ${sizeBytes} bytes, more than ${MAX_SITE_BYTES}; is it the folder that npm run build:web wrote?`,
      { code: "config-invalid" },
    );
  }
  const files = new Map<string, SiteFile>();
  for (const path of paths) {
    const url = `/${relative(folder, path).split(sep).join("/")}`;
    files.set(url === "/index.html" ? "/" : url, readSiteFile(path, url));
  }
  return files;
}

function readSiteFile(path: string, url: string): SiteFile {
  const extension = extname(path);
  const body = new Uint8Array(readFileSync(path));
  return {
    body,
    zipped: INCOMPRESSIBLE.has(extension) ? () => undefined : once(() => new Uint8Array(gzipSync(body))),
    contentType: CONTENT_TYPES[extension] ?? "application/octet-stream",
    etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
    immutable: url.startsWith("/assets/"),
  };
}

function answer(context: Context, file: SiteFile): Response {
  const headers: Record<string, string> = {
    "content-type": file.contentType,
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
    vary: "accept-encoding",
    etag: file.etag,
  };
  if (context.req.header("if-none-match") === file.etag) {
    return new Response(null, { status: 304, headers });
  }
  const zipped = acceptsGzip(context.req.header("accept-encoding")) ? file.zipped() : undefined;
  if (zipped !== undefined) headers["content-encoding"] = "gzip";
  return new Response(zipped ?? file.body, { headers });
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

function acceptsGzip(header: string | undefined): boolean {
  return /(?:^|,)\s*gzip\s*(?:;\s*q=(?:1|0\.\d*[1-9]\d*)\b[^,]*)?(?:,|$)/i.test(header ?? "");
}
