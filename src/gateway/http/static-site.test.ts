import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ConfigError } from "../../core/errors.ts";
import { staticSite } from "./static-site.ts";

const PAGE = "<!doctype html><title>page</title>";

describe("staticSite", () => {
  let folder: string;
  let app: Hono;

  beforeAll(() => {
    const parent = mkdtempSync(join(tmpdir(), "splitreason-site-"));
    folder = join(parent, "web");
    mkdirSync(join(folder, "assets"), { recursive: true });
    writeFileSync(join(parent, "secret.txt"), "secret");
    writeFileSync(join(folder, "index.html"), PAGE);
    writeFileSync(join(folder, "assets", "index-abc.js"), "export {};".repeat(50));
    writeFileSync(join(folder, "assets", "font.woff2"), "font");
    app = new Hono()
      .get("/healthz", (context) => context.text("ok"))
      .route("/", staticSite(folder))
      .notFound((context) => context.text("not here", 404));
  });

  afterAll(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

  it("serves the page at / with a policy that reaches this server only", async () => {
    const response = await app.request("/");
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(PAGE);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  it("keeps hashed files for ever and answers 304 to whoever has the page", async () => {
    const script = await app.request("/assets/index-abc.js");
    expect(script.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(script.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    const etag = (await app.request("/")).headers.get("etag") ?? "";
    const again = await app.request("/", { headers: { "if-none-match": etag } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe("");
  });

  it("compresses for those who can read it", async () => {
    const request = (encoding: string): Response | Promise<Response> =>
      app.request("/assets/index-abc.js", { headers: { "accept-encoding": encoding } });
    const zipped = await request("br, gzip;q=0.8");
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    expect(gunzipSync(await zipped.arrayBuffer()).toString()).toBe("export {};".repeat(50));
    expect((await request("gzip;q=0")).headers.get("content-encoding")).toBeNull();
    expect((await request("identity")).headers.get("content-encoding")).toBeNull();
    const font = await app.request("/assets/font.woff2", { headers: { "accept-encoding": "gzip" } });
    expect(font.headers.get("content-encoding")).toBeNull();
  });

  it("knows the files of its folder and nothing else", async () => {
    for (const path of [
      "/../secret.txt",
      "/%2e%2e/secret.txt",
      "/..%2fsecret.txt",
      "/assets/",
      "/assets/../../secret.txt",
    ]) {
      const response = await app.request(path);
      expect(response.status, path).toBe(404);
      expect(await response.text()).toBe("not here");
    }
    expect(await (await app.request("/healthz")).text()).toBe("ok");
  });

  it("refuses a folder that is not the playground", () => {
    expect(() => staticSite(join(folder, "assets"))).toThrow(ConfigError);
    const big = mkdtempSync(join(tmpdir(), "splitreason-site-"));
    writeFileSync(join(big, "index.html"), PAGE);
    writeFileSync(join(big, "model.gguf"), "");
    truncateSync(join(big, "model.gguf"), 33 * 1024 * 1024);
    expect(() => staticSite(big)).toThrow(
      /more than 33554432; is it the folder that npm run build:web wrote/,
    );
    rmSync(big, { recursive: true });
  });
});
