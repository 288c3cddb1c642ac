"""Errors of servers: each says in one message what went wrong and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hotspots.errors import FetchError
from hotspots.ingest.access.http_settings import Settings

if TYPE_CHECKING:
    import requests

_NETWORK = "Check the network; a copy of the data elsewhere can be named in HOTSPOTS_MIRRORS."
_MAY_HAVE_MOVED = (403, 404, 410)
_TRY_LATER = "Try again later; what was downloaded is kept."
_WEB_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*(<!doctype html|<html)", re.IGNORECASE | re.DOTALL)


def shown(url: str) -> str:
    """Return an address for messages, without user, password and query (which may hold tokens)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")


def unreached(url: str, error: Exception, of: Settings) -> FetchError:
    """Return the error of a request without a response."""
    import requests

    said = _chain(error)
    host = urlsplit(url).hostname
    if isinstance(error, requests.TooManyRedirects):
        return FetchError(
            f"'{shown(url)}' is redirected in a circle (more than 5 times). It may have moved: look"
            " for its new address, and report it to the project."
        )
    if isinstance(error, requests.exceptions.SSLError):
        return FetchError(
            f"The certificate of '{host}' isn't trusted, or the encryption failed, so nothing was"
            f" taken from '{shown(url)}'. Check this machine's clock and certificates (behind a"
            " proxy, REQUESTS_CA_BUNDLE)."
        )
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return FetchError(f"'{shown(url)}' isn't a valid address. It needs http(s)://.")
    if isinstance(error, requests.exceptions.ProxyError):
        why = "the proxy that the environment names (HTTPS_PROXY) doesn't let it through"
    elif re.search(r"resolve|getaddrinfo|name or service|not looked up", said, re.IGNORECASE):
        why = "its name isn't known"
    elif "refused" in said.lower():
        why = "the connection was refused"
    elif isinstance(error, requests.ConnectTimeout):
        why = f"no connection within {of.connect:g} s"
    elif isinstance(error, requests.ReadTimeout) or "timed out" in said:
        return silent(url, of.stall)
    elif re.search(r"reset|aborted|disconnected|closed", said, re.IGNORECASE):
        why = "the connection was reset"
    else:
        why = said.splitlines()[0][:120].rstrip(".") or type(error).__name__
    return FetchError(
        f"'{host}' can't be reached: {why}. {_NETWORK} Asked for '{shown(url)}'.", reached=False
    )


def silent(url: str, seconds: float) -> FetchError:
    """Return the error of a server that accepts a connection and doesn't respond."""
    return FetchError(
        f"'{urlsplit(url).hostname}' can't be reached: no answer within {seconds:.2g} s."
        f" {_NETWORK} Asked for '{shown(url)}'.",
        reached=False,
    )


def lengthened(error: FetchError, seconds: float) -> FetchError:
    """Return the error of an unresponsive server with the total time of all attempts, s."""
    message = re.sub(r"(no answer) within [\d.e+-]+ s", rf"\1 within {seconds:.2g} s", str(error))
    return FetchError(message, reached=False)


def refused(url: str, response: requests.Response, said: bytes) -> FetchError:
    """Return the error of a status from 400 on."""
    status, where = response.status_code, shown(url)
    host = urlsplit(url).hostname
    wait = _retry_after(response.headers.get("Retry-After", ""))
    message = {
        401: f"'{host}' asks who you are (401) for '{where}'. It needs a token or a login that"
        " wasn't given or isn't valid: see 'hotspots sources show'.",
        403: f"'{host}' refuses '{where}' (403). It may need a token or an accepted licence, or"
        " have shut this network out: see 'hotspots sources show'.",
        404: f"There is nothing at '{where}' (404). It may have moved: look at the source's own"
        " page ('hotspots sources show' names it), and report it to the project.",
        410: f"'{where}' was taken away by its maker (410). Look at the source's own page for what"
        " took its place.",
        429: f"'{host}' has had too many requests (429)"
        + ("" if wait is None else f" and asks to wait {wait:.0f} s")
        + f" before '{where}' is requested again. {_TRY_LATER}",
    }.get(status)
    if message is None and status >= 500:
        message = f"'{host}' has a fault of its own ({status}) with '{where}'. {_TRY_LATER}"
    return FetchError(
        message or f"'{host}' answered {status} to '{where}'. Look at the source's own page.",
        status=status,
        retry_after=wait,
        said=said.decode("utf-8", "replace"),
    )


def require_data(url: str, kind: str, head: bytes) -> None:
    """Raise `FetchError` if a web page was received instead of data."""
    if kind.lower().startswith("text/html") or _WEB_PAGE.match(head):
        raise FetchError(
            f"'{shown(url)}' answered with a web page where data were due: a login, a licence to"
            " accept, or a notice of maintenance. Open the address in a browser to see which."
        )


def require_ready(url: str, status: int, head: bytes) -> None:
    """Raise `FetchError` for an answer without a file: "accepted" (202), or no byte at all."""
    if status == 202:
        raise FetchError(
            f"'{shown(url)}' answered that the file isn't ready (202), and sent none. {_TRY_LATER}"
        )
    if not head:
        raise FetchError(
            f"'{shown(url)}' answered with an empty file. It may have moved: look at the source's"
            " own page ('hotspots sources show' names it), and report it to the project."
        )


def none_of(name: str, errors: Sequence[FetchError], page: str) -> FetchError:
    """Return the error of a source none of whose addresses gives the file.

    Parameters
    ----------
    name : str
        The source.
    errors : sequence of FetchError
        One for each address that was tried.
    page : str
        The source's own page, where it may say what changed.
    """
    said = str(errors[0])
    if len(errors) > 1:
        numbered = " ".join(f"({n}) {error}" for n, error in enumerate(errors, 1))
        said = f"None of the {len(errors)} addresses of '{name}' gives the file. {numbered}"
    elsewhere = any(not e.reached or e.status in _MAY_HAVE_MOVED for e in errors)
    return FetchError(
        f"{said} The page of '{name}': {page}" if elsewhere and page else said,
        reached=any(error.reached for error in errors),
        status=errors[0].status,
        retry_after=errors[0].retry_after,
        said=errors[0].said,
    )


def another_kind(url: str, head: bytes) -> FetchError:
    """Return the error of a file with unexpected first bytes."""
    return FetchError(
        f"'{shown(url)}' isn't the kind of file that is due: it begins with {head[:16]!r}. The"
        " source may have changed: look at its own page, and report it to the project."
    )


def no_json(url: str) -> FetchError:
    """Return the error of a response that isn't JSON, as it should be."""
    return FetchError(f"'{shown(url)}' answered with something that isn't JSON. {_TRY_LATER}")


def too_large(url: str, most: int) -> FetchError:
    """Return the error of a response above the size limit."""
    return FetchError(f"'{shown(url)}' answered with more than {most // 2**20} MiB of JSON.")


def broken(url: str, error: Exception, stall: float) -> FetchError:
    """Return the error of a stream that ended early."""
    said = _chain(error)
    if re.search(r"timed out|timeout", said, re.IGNORECASE):
        why = f"stood still for {stall:g} s"
    elif re.search(r"reset|aborted", said, re.IGNORECASE):
        why = "was reset"
    else:
        why = "ended before its end"
    return FetchError(f"The transfer of '{shown(url)}' {why}. {_TRY_LATER}")


def truncated(url: str, got: int, due: int) -> FetchError:
    """Return the error of a body shorter than announced."""
    return FetchError(
        f"The transfer of '{shown(url)}' ended before its end: {got} of {due} bytes came."
        f" {_TRY_LATER}"
    )


def wrong_checksum(url: str, due: str, got: str) -> FetchError:
    """Return the error of a file whose checksum isn't the declared one."""
    return FetchError(
        f"'{shown(url)}' has the checksum {got} where {due} is due, so it was thrown away. Either"
        " it was damaged in transfer (try again), or its maker changed it (report it to the"
        " project)."
    )


def _retry_after(text: str) -> float | None:
    """Return the wait of a ``Retry-After`` header in seconds, given as a number or a date."""
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    # HTTP's dates are in GMT.
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _chain(error: BaseException) -> str:
    """Return the messages of an error and its causes; the operating system's is the deepest."""
    messages: list[str] = []
    seen: BaseException | None = error
    # At most 8, because exceptions can refer to each other in a circle.
    while seen is not None and len(messages) < 8:
        messages.append(str(seen))
        inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = getattr(seen, "reason", None) or inner or seen.__cause__ or seen.__context__
        if not isinstance(seen, BaseException):
            break
    return "\n".join(messages)
