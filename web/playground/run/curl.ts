/** The same request as a shell command, for whoever wants to go on from here. The key is named, never copied. */
import { requestBody, type RunRequest } from "../api/client.ts";

export function curlCommand(request: RunRequest, pageUrl: string, withKey: boolean): string {
  const url = new URL("v1/chat/completions", pageUrl).href;
  const lines = [
    `curl -N ${quote(url)}`,
    `-H 'content-type: application/json'`,
    ...(withKey ? [`-H "authorization: Bearer $SPLITREASON_API_KEY"`] : []),
    `-d ${quote(JSON.stringify(requestBody(request)))}`,
  ];
  return lines.join(" \\\n  ");
}

/** One word for a POSIX shell, whatever is in it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
