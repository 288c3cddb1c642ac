"""A store in an S3-compatible bucket, through pyarrow's S3 client.

Objects are written atomically. A bucket can't be locked, and conditional writes aren't used;
`Store` is designed so that concurrent runs lose no layer nevertheless.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from hotspots.config import cache_dir, settings, variable
from hotspots.errors import BadInputError, FetchError, RasterError
from hotspots.io.atomic import aside, file_hash
from hotspots.store.storage import ChangedError, Entry

_CONNECT_SECONDS, _STALL_SECONDS, _TRIES = 5, 7, 2  # so that an error is raised within 30 s
_AT_ONCE = 8 * 2**20  # bytes of one step of a transfer
_HOUR = 3600.0
# Patterns in the client's error messages, by their cause.
_REFUSED = re.compile(
    r"ACCESS_DENIED|ACCESSDENIED|INVALID_ACCESS_KEY|INVALIDACCESSKEY|SIGNATURE|INVALID_CLIENT_TOKEN"
    r"|UNRECOGNIZED_CLIENT|EXPIRED|MISSING_AUTHENTICATION|status: 40[13]|HTTP (?:response )?40[13]",
    re.IGNORECASE,
)
_UNREACHED = re.compile(r"NETWORK_CONNECTION|curlCode|REQUEST_TIMEOUT|timed out", re.IGNORECASE)
_NO_BUCKET = re.compile(r"NO_SUCH_BUCKET|NoSuchBucket|bucket does not exist", re.IGNORECASE)
_NO_KEY = re.compile(r"NO_SUCH_KEY|NoSuchKey", re.IGNORECASE)
_READ_AGAIN = 5


def _tags(content: bytes) -> tuple[str, str]:
    """Return the ETag of an object written at once, and of one uploaded as a single part."""
    # S3's ETags are MD5 sums: of the content, or of the sums of its parts with their number.
    whole = hashlib.md5(content, usedforsecurity=False)
    part = hashlib.md5(whole.digest(), usedforsecurity=False)
    return whole.hexdigest(), f"{part.hexdigest()}-1"


class Bucket:
    """A bucket, or the part of it below a prefix.

    Parameters
    ----------
    address : str
        ``s3://bucket/prefix``. The server is AWS, or the endpoint in ``HOTSPOTS_S3_ENDPOINT`` (or
        ``AWS_ENDPOINT_URL``); credentials come from the usual AWS variables and files, or none are
        used with ``HOTSPOTS_S3_ANONYMOUS=1``.
    """

    # Without a lock, a younger file may belong to a layer that another run is writing.
    grace = _HOUR

    def __init__(self, address: str) -> None:
        self.shown = address
        self.bucket, _, prefix = address.removeprefix("s3://").strip("/").partition("/")
        self.root = f"{self.bucket}/{prefix}".rstrip("/")
        self.scratch_name = f"The folder of downloads ('{_download_folder()}')"

    def entries(self) -> list[Entry]:
        """Return the objects; an empty list for a prefix that doesn't exist yet."""
        from pyarrow.fs import FileSelector, FileType

        with self._plain_errors("listed"):
            try:
                found = self._client.get_file_info(FileSelector(self.root, recursive=True))
            except FileNotFoundError:
                found = []
            # An absent prefix is an empty store, but an absent bucket is an error.
            if not found and self._client.get_file_info(self.bucket).type == FileType.NotFound:
                raise self._no_bucket()
        # Consoles mark an empty folder by an object whose name ends in a slash.
        files = [f for f in found if f.type == FileType.File and not f.path.endswith("/")]
        keys = [f.path.removeprefix(f"{self.root}/") for f in files]
        return [
            Entry(key, int(file.size), file.mtime.timestamp())
            for key, file in sorted(zip(keys, files, strict=True), key=lambda pair: pair[0])
            if key == "catalog.json" or key.count("/") == 1
        ]

    def read(self, key: str) -> bytes:
        """Return the complete content of an object, even if another run replaces it meanwhile.

        The client requests the size first and then that many bytes, so it reads a longer version
        written in between only in part. Therefore the content is compared with the ETag and read
        again if they differ; if the server's ETags aren't checksums, the last content is accepted.
        """
        content = b""
        with self._plain_errors("read"):
            for _ in range(_READ_AGAIN):
                with self._client.open_input_stream(self._path(key)) as stream:
                    tag = stream.metadata().get("ETag", b"").decode().strip('"')
                    content = bytes(stream.read())
                if tag in _tags(content):
                    break
        return content

    def write(self, key: str, content: bytes) -> None:
        """Write an object, or replace it."""
        with (
            self._plain_errors("written"),
            self._client.open_output_stream(self._path(key)) as stream,
        ):
            stream.write(content)

    def put_file(self, key: str, path: Path) -> None:
        """Upload a local file."""
        with (
            path.open("rb") as file,
            self._plain_errors("written"),
            self._client.open_output_stream(self._path(key)) as stream,
        ):
            while part := file.read(_AT_ONCE):
                stream.write(part)

    def local(self, key: str, size: int, sha256: str) -> Path:
        """Return the copy in the download folder, downloaded if it is missing or incomplete.

        Copies are named by their hash, so all stores share them.
        """
        kept = _download_folder() / f"{sha256}{Path(key).suffix}"
        if kept.is_file() and kept.stat().st_size == size and file_hash(kept) == sha256:
            return kept
        with _room(), aside(kept) as folder:
            fetched = folder / "fetched"
            with fetched.open("wb") as file:
                digest = self._fetched(key, file)
            if digest != sha256:
                raise ChangedError
            os.replace(fetched, kept)
        return kept

    def digest(self, key: str) -> str:
        """Return the SHA-256 of an object, which is read completely."""
        return self._fetched(key, None)

    def remove(self, key: str) -> None:
        """Remove an object."""
        with self._plain_errors("written"):
            try:
                self._client.delete_file(self._path(key))
            except FileNotFoundError:
                return

    def locked(self) -> nullcontext[None]:
        """Do nothing: a bucket can't be locked (see the module)."""
        return nullcontext()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a temporary folder within the download folder."""
        with aside(_download_folder() / "new") as folder:
            yield folder

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"

    def _fetched(self, key: str, file: BinaryIO | None) -> str:
        digest = hashlib.sha256()
        with self._plain_errors("read"), self._client.open_input_stream(self._path(key)) as stream:
            while part := stream.read(_AT_ONCE):
                digest.update(part)
                if file is not None:
                    file.write(part)
        return digest.hexdigest()

    @cached_property
    def _endpoint(self) -> str:
        return settings().s3_endpoint

    @cached_property
    def _client(self) -> Any:
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

        options: dict[str, object] = {}
        if self._endpoint:
            parts = urlsplit(self._endpoint)
            if parts.scheme not in ("http", "https") or not parts.netloc:
                raise BadInputError(
                    f"The S3 endpoint '{self._endpoint}' isn't an address. Set"
                    f" {variable('s3_endpoint')} to one such as https://minio.example.org:9000."
                )
            host = f"{parts.netloc}{parts.path}".rstrip("/")
            options |= {"scheme": parts.scheme, "endpoint_override": host}
        if settings().s3_anonymous:
            options["anonymous"] = True
        region = settings().s3_region
        with self._plain_errors("opened"):
            if not region:  # only Amazon's own servers require the right one
                region = "us-east-1" if self._endpoint else resolve_s3_region(self.bucket)
            return S3FileSystem(
                region=region,
                connect_timeout=_CONNECT_SECONDS,
                request_timeout=_STALL_SECONDS,
                retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_TRIES),
                **options,
            )

    @contextmanager
    def _plain_errors(self, done: str) -> Iterator[None]:
        """Turn the client's errors into clear messages; `FileNotFoundError` of a key passes."""
        try:
            yield
        except OSError as error:
            said = str(error)
            if _NO_BUCKET.search(said):
                raise self._no_bucket() from error
            if isinstance(error, FileNotFoundError) or _NO_KEY.search(said):
                raise FileNotFoundError(said) from error
            if _REFUSED.search(said):
                raise RasterError(
                    f"The bucket of '{self.shown}' refuses the credentials, or they don't allow"
                    " this. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to ones that do, or"
                    f" {variable('s3_anonymous')}=1 for a public bucket that is only read."
                ) from error
            if _UNREACHED.search(said):
                raise FetchError(
                    f"The server of '{self.shown}' ({self._server}) can't be reached. Check the"
                    f" network and {variable('s3_endpoint')}, or try again later."
                ) from error
            short = re.sub(r"\s+", " ", said)[:200].rstrip(".")
            raise RasterError(
                f"The store '{self.shown}' can't be {done} ({short}). Correct that, or give another"
                " store."
            ) from error

    @property
    def _server(self) -> str:
        return self._endpoint or "Amazon S3"

    def _no_bucket(self) -> RasterError:
        return RasterError(
            f"There is no bucket '{self.bucket}' at {self._server}. Make it first, or correct the"
            " address of the store."
        )


def _download_folder() -> Path:
    """Return the folder of the local copies of layers."""
    return cache_dir() / "layers"


@contextmanager
def _room() -> Iterator[None]:
    """Turn an `OSError` of the download folder into a `RasterError`."""
    try:
        yield
    # An object that is missing in the bucket; `Store` explains it.
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RasterError(
            f"The folder of downloads '{_download_folder()}' can't be written"
            f" ({error.strerror or error}). Free some space, or set HOTSPOTS_CACHE to another"
            " folder."
        ) from error
