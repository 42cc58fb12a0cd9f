import { useState } from "preact/hooks";

import { announcement, apiKey, currentRequest } from "../app-state.ts";
import { curlCommand } from "../run/curl.ts";

export function CopyCurl() {
  const [words, setWords] = useState("Copy as curl");
  const request = currentRequest("split");
  const copy = async (): Promise<void> => {
    if (request === undefined) return;
    const command = curlCommand(request, location.href, apiKey.value !== "");
    const outcome = await copyText(command);
    setWords(outcome);
    announcement.value = outcome;
    setTimeout(() => setWords("Copy as curl"), 2000);
  };
  return (
    <button type="button" class="chip" disabled={request === undefined} onClick={() => void copy()}>
      {words}
    </button>
  );
}

/** @returns the message for the user. Only local and https pages may use the clipboard. */
async function copyText(text: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "The browser refused";
  }
}
