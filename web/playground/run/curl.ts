/** The request as a shell command. It names the variable of the key and never contains the key. */
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

/** Quotes any text as one word for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
