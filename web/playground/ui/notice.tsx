import { useEffect, useState } from "preact/hooks";

import type { Failure } from "../api/failure.ts";

interface NoticeProps {
  readonly failure: Failure;
  readonly action?: string;
  readonly onAction?: () => void;
}

/** A failure in plain words, with a button if there is something to do. It counts down if the server named a waiting time. */
export function Notice({ failure, action, onAction }: NoticeProps) {
  const seconds = useCountdown(failure);
  return (
    <div class="notice notice-failure" role="alert">
      <p>
        {failure.message}
        {failure.retryAfterSeconds !== undefined && (
          // Screen readers skip this: it changes every second.
          <span aria-live="off">
            {" "}
            {seconds > 0 ? `Try again in ${seconds} s.` : "You can try again now."}
          </span>
        )}
      </p>
      {action !== undefined && (
        <button type="button" class="chip" disabled={seconds > 0} onClick={onAction}>
          {action}
        </button>
      )}
    </div>
  );
}

function useCountdown(failure: Failure): number {
  const [seconds, setSeconds] = useState(failure.retryAfterSeconds ?? 0);
  useEffect(() => {
    const endMs = performance.now() + (failure.retryAfterSeconds ?? 0) * 1000;
    setSeconds(failure.retryAfterSeconds ?? 0);
    const timer = setInterval(() => {
      const left = Math.max(0, Math.ceil((endMs - performance.now()) / 1000));
      setSeconds(left);
      if (left === 0) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [failure]);
  return seconds;
}
