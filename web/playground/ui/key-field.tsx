import { apiKey, info, infoFailure, keyWanted, loadInfo } from "../app-state.ts";

/** Shown once the server asks for a key. The key stays in this page's memory and is stored nowhere. */
export function KeyField() {
  if (!keyWanted.value) return null;
  return (
    <div class="field">
      <label class="field-name" for="api-key">
        API key
      </label>
      <input
        id="api-key"
        class="text"
        type="password"
        autocomplete="off"
        spellcheck={false}
        maxLength={4096}
        aria-describedby="api-key-help"
        value={apiKey}
        onInput={(event) => (apiKey.value = event.currentTarget.value.trim())}
        onChange={() => {
          // The server may describe itself only to requests with the key.
          if (info.value === undefined || infoFailure.value !== undefined) void loadInfo();
        }}
      />
      <p id="api-key-help" class="help">
        Kept in this page's memory only, and sent to this server only.
      </p>
    </div>
  );
}
