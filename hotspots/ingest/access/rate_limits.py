"""What a server's headers say about how many more requests it takes, and when."""

from __future__ import annotations

from collections.abc import Mapping

# Zenodo and others count to a moment in time; the draft standard counts seconds.
_REMAINING = ("X-RateLimit-Remaining", "RateLimit-Remaining")
_RESET = ("X-RateLimit-Reset", "RateLimit-Reset")
# Larger numbers are seconds since 1970.
_MOST_SECONDS = 10_000_000.0


def pause_due(headers: Mapping[str, str], now: float) -> float:
    """Return the seconds to wait before the next request to a server; 0 if it takes more at once.

    Parameters
    ----------
    headers : mapping
        Of its last response; names in any case if the mapping allows that.
    now : float
        Seconds since 1970.
    """
    remaining, reset = _number(headers, _REMAINING), _number(headers, _RESET)
    if remaining is None or remaining >= 1 or reset is None:
        return 0.0
    return max(0.0, reset - now if reset > _MOST_SECONDS else reset)


def _number(headers: Mapping[str, str], names: tuple[str, ...]) -> float | None:
    for name in names:
        # "60, 60;window=60": the first number counts.
        text = headers.get(name, "").split(",")[0].split(";")[0].strip()
        if text.replace(".", "", 1).isdigit():
            return float(text)
    return None
