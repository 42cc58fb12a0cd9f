"""Reads [[gold, pred], ...] from stdin and prints what math-verify says of each: true, false, or null where it fails."""

import functools
import json
import logging
import sys

from math_verify import parse, verify

logging.disable(logging.CRITICAL)

# Its own bound is five seconds by the clock, which a busy machine exceeds.
SECONDS = 60


@functools.lru_cache(maxsize=None)
def read(text: str):
    # It looks for mathematics within an environment only.
    latex = text if "\\boxed" in text or text.startswith("$") else f"${text}$"
    return parse(latex, raise_on_error=False, parsing_timeout=SECONDS)


results = []
for gold, pred in json.load(sys.stdin):
    try:
        results.append(verify(read(gold), read(pred), raise_on_error=False, timeout_seconds=SECONDS))
    except Exception:
        results.append(None)
json.dump(results, sys.stdout)
