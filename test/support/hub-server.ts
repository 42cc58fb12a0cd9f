/**
 * A server on the loopback that speaks the Hugging Face hub's API as far as data sets need it. It lists by pages, and serves files by range;
 * large ones are redirected to a store on another origin. It makes repositories, and takes commits with large files sent ahead (Git LFS).
 * It keeps all requests, and can fail as the hub does.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface HubServer {
  readonly url: string;
  readonly token: string;
  /** Path to content, of each repository. */
  readonly repositories: Map<string, Map<string, Buffer>>;
  readonly requests: {
    readonly method: string;
    readonly path: string;
    readonly range?: string;
    readonly authorization?: string;
    readonly host: "hub" | "store";
  }[];
  readonly commits: {
    readonly repo: string;
    readonly title: string;
    readonly deleted: readonly string[];
    readonly changed: readonly string[];
  }[];
  /** Faults of the next requests for ranges, one entry each, in order. */
  readonly faults: ("unavailable" | "whole-file" | "cut" | "reset")[];
  /** Repositories that only the token may read. */
  readonly private: Set<string>;
  close(): Promise<void>;
}

const PAGE = 2;

export async function startHubServer(): Promise<HubServer> {
  const token = "hf_loopbackloopback";
  const repositories: HubServer["repositories"] = new Map();
  const requests: HubServer["requests"] = [];
  const commits: HubServer["commits"] = [];
  const faults: HubServer["faults"] = [];
  const secret = new Set<string>();
  const large = new Map<string, Buffer>();

  const note = (request: IncomingMessage, host: "hub" | "store"): void => {
    requests.push({
      method: request.method ?? "",
      path: request.url ?? "",
      host,
      ...(request.headers.range === undefined ? {} : { range: request.headers.range }),
      ...(request.headers.authorization === undefined
        ? {}
        : { authorization: request.headers.authorization }),
    });
  };

  /** Where large files lie: another origin, which must never be sent the token. */
  const store = createServer((request, response) => {
    note(request, "store");
    void (async () => {
      const oid = (request.url ?? "").slice(1);
      if (request.method === "PUT") {
        const content = await body(request);
        if (createHash("sha256").update(content).digest("hex") !== oid)
          return json(response, 400, { error: "digest" });
        large.set(oid, content);
        return json(response, 200, {});
      }
      const content = large.get(oid);
      return content === undefined ? json(response, 404, {}) : range(request, response, content, faults);
    })();
  });

  const hub = createServer((request, response) => {
    note(request, "hub");
    void (async () => {
      const url = new URL(request.url ?? "", "http://hub");
      const path = decodeURIComponent(url.pathname);
      const repo = /^\/(?:api\/)?datasets\/([\w.-]+\/[\w.-]+?)(?:\.git)?\//u.exec(`${path}/`)?.[1] ?? "";
      const mayWrite = request.headers.authorization === `Bearer ${token}`;
      const refuse = () => json(response, 401, { error: "Invalid username or password." });
      if (secret.has(repo) && !mayWrite) return refuse();
      if (request.method === "POST" && !mayWrite) return refuse();

      if (path === "/api/repos/create") {
        const wanted = JSON.parse(String(await body(request))) as {
          name: string;
          organization: string;
          visibility?: string;
        };
        const name = `${wanted.organization}/${wanted.name}`;
        if (repositories.has(name))
          return json(response, 409, { error: "You already created this dataset repo" });
        repositories.set(name, new Map());
        if (wanted.visibility === "private") secret.add(name);
        return json(response, 200, { url: `${address(hub)}/datasets/${name}`, id: name });
      }
      const files = repositories.get(repo);
      if (files === undefined)
        return json(response, 404, { error: "Repository not found" }, { "x-error-code": "RepoNotFound" });

      if (path.startsWith(`/api/datasets/${repo}/tree/main`)) {
        const from = Number(url.searchParams.get("cursor") ?? 0);
        const entries = [...files].map(([name, content]) => ({
          type: "file",
          path: name,
          size: content.length,
          oid: "0",
        }));
        url.searchParams.set("cursor", String(from + PAGE));
        return json(
          response,
          200,
          entries.slice(from, from + PAGE),
          from + PAGE < entries.length
            ? { link: `<${address(hub)}${url.pathname}${url.search}>; rel="next"` }
            : {},
        );
      }
      if (path.startsWith(`/datasets/${repo}/resolve/main/`)) {
        const content = files.get(path.slice(`/datasets/${repo}/resolve/main/`.length));
        if (content === undefined)
          return json(response, 404, { error: "Entry not found" }, { "x-error-code": "EntryNotFound" });
        if (!path.endsWith(".parquet")) return range(request, response, content, faults);
        const oid = createHash("sha256").update(content).digest("hex");
        large.set(oid, content);
        response.writeHead(302, {
          location: `${address(store)}/${oid}`,
          "x-linked-size": content.length,
          "x-linked-etag": `"${oid}"`,
        });
        return response.end();
      }
      if (path === `/api/datasets/${repo}/preupload/main`) {
        const wanted = JSON.parse(String(await body(request))) as { files: { path: string; size: number }[] };
        return json(response, 200, {
          files: wanted.files.map((file) => ({
            path: file.path,
            uploadMode: file.path.endsWith(".parquet") ? "lfs" : "regular",
          })),
        });
      }
      if (path === `/datasets/${repo}.git/info/lfs/objects/batch`) {
        const wanted = JSON.parse(String(await body(request))) as {
          objects: { oid: string; size: number }[];
        };
        return json(response, 200, {
          transfer: "basic",
          objects: wanted.objects.map((object) =>
            large.has(object.oid)
              ? object
              : { ...object, actions: { upload: { href: `${address(store)}/${object.oid}` } } },
          ),
        });
      }
      if (path === `/api/datasets/${repo}/commit/main`)
        return commit(repo, files, String(await body(request)), response);
      return json(response, 404, { error: `not spoken here: ${request.method} ${path}` });
    })();
  });

  function commit(repo: string, files: Map<string, Buffer>, text: string, response: ServerResponse): void {
    const lines = text
      .split("\n")
      .map((line) => JSON.parse(line) as { key: string; value: Record<string, string> });
    const deleted: string[] = [];
    const changed: string[] = [];
    for (const { key, value } of lines) {
      const path = value["path"] ?? "";
      if (key === "file") files.set(path, Buffer.from(value["content"] ?? "", "base64"));
      if (key === "lfsFile") {
        const content = large.get(value["oid"] ?? "");
        if (content === undefined) return json(response, 400, { error: `no object ${value["oid"]}` });
        files.set(path, content);
      }
      if (key === "deletedFile") {
        files.delete(path);
        deleted.push(path);
      } else if (key !== "header") changed.push(path);
    }
    commits.push({ repo, title: lines[0]?.value["summary"] ?? "", deleted, changed });
    const oid = String(commits.length).padStart(40, "0");
    json(response, 200, {
      success: true,
      commitOid: oid,
      commitUrl: `${address(hub)}/datasets/${repo}/commit/${oid}`,
      hookOutput: "",
    });
  }

  await Promise.all([listen(store), listen(hub)]);
  return {
    url: address(hub),
    token,
    repositories,
    requests,
    commits,
    faults,
    private: secret,
    close: async () => {
      for (const server of [store, hub]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

const listen = (server: Server): Promise<void> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function json(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

async function body(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** One range of a file, or what goes wrong with it. The first look at a file (its first byte) never fails. */
function range(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  faults: HubServer["faults"],
): void {
  const match = /^bytes=(\d+)-(\d+)$/u.exec(request.headers.range ?? "");
  const etag = `"${createHash("sha256").update(content).digest("hex")}"`;
  const fault = match?.[0] === "bytes=0-0" ? undefined : faults.shift();
  if (fault === "unavailable") return json(response, 503, { error: "Service Unavailable" });
  if (fault === "reset") return void request.socket.destroy();
  if (match === null || fault === "whole-file") {
    response.writeHead(200, { etag, "content-length": content.length });
    return void response.end(content);
  }
  const [from, to] = [Number(match[1]), Math.min(content.length - 1, Number(match[2]))];
  const part = content.subarray(from, to + 1);
  response.writeHead(206, {
    etag,
    "content-range": `bytes ${from}-${to}/${content.length}`,
    "accept-ranges": "bytes",
  });
  response.end(fault === "cut" ? part.subarray(0, part.length >> 1) : part);
}
