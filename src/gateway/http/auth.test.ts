import { Hono } from "hono";
import { describe, expect, it } from "vitest";

import { keyComparison, requireApiKey } from "./auth.ts";
import { toGatewayError, errorResponse } from "../failures/gateway-error.ts";
import { openai } from "../protocols/openai/routes.ts";

function gateway(key: string | undefined): Hono {
  const app = new Hono();
  app.onError((error) => errorResponse(toGatewayError(error), openai.errorBody));
  app.use("*", requireApiKey(key));
  app.get("*", (context) => context.text("in"));
  return app;
}

describe("the API key", () => {
  it("is not needed when there is none", async () => {
    expect((await gateway(undefined).request("/v1/models")).status).toBe(200);
  });

  it.each([
    ["none", undefined],
    ["a wrong one", "Bearer secret-key-2"],
    ["a part of it", "Bearer secret-ke"],
    ["one more character", "Bearer secret-key-11"],
    ["another scheme", "Basic secret-key-1"],
    ["no scheme", "secret-key-1"],
    ["nothing", "Bearer "],
    ["two", "Bearer secret-key-1 secret-key-1"],
  ])("keeps out %s, in OpenAI's shape", async (_, authorization) => {
    const headers = authorization === undefined ? undefined : { authorization };
    const response = await gateway("secret-key-1").request("/v1/models", headers && { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ error: { type: "authentication_error" } });
    expect(body).not.toContain("secret-ke");
  });

  it("lets the right one in, and anyone ask whether the process is alive", async () => {
    const app = gateway("secret-key-1");
    const headers = { authorization: "bearer  secret-key-1" };
    expect((await app.request("/v1/models", { headers })).status).toBe(200);
    expect((await app.request("/healthz")).status).toBe(200);
    expect((await app.request("/healthz/../v1/models")).status).toBe(401);
    expect((await app.request("/metrics")).status).toBe(401);
  });

  it("is compared by digests of one length: keys of any length and script are compared without an error", () => {
    const isRight = keyComparison("secret-key-1");
    expect(isRight("secret-key-1")).toBe(true);
    for (const wrong of ["", "s", "secret-key-1".repeat(1000), "sécrêt-kéy-1", "secret-key-1\0"]) {
      expect(isRight(wrong)).toBe(false);
    }
  });
});
