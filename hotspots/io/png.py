"""The PNG encoder: images of few colours, as small as the format allows."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]


def paletted_png(codes: Codes, palette: npt.NDArray[np.uint8]) -> bytes:
    """Return a PNG of codes (rows, columns), in which code 0 is transparent.

    Parameters
    ----------
    codes : array of uint8 (rows, columns)
        From the north.
    palette : array of uint8 (n, 3)
        Red, green and blue of each code from 0 to n - 1; that of 0 isn't seen.

    Raises
    ------
    ValueError
        A code has no colour.
    """
    if codes.size and int(codes.max()) >= len(palette):
        msg = f"code {int(codes.max())} has no colour among {len(palette) - 1}"
        raise ValueError(msg)
    height, width = codes.shape
    # Two pixels per byte compress to two thirds of the size of one per byte.
    bits = 4 if len(palette) <= 16 else 8
    packed = codes if bits == 8 else _in_pairs(codes)
    # Each row starts with its filter type, 0: areas of one class compress best unfiltered, and
    # repeated rows take hardly any space.
    rows = np.hstack([np.zeros((height, 1), "uint8"), packed]).tobytes()
    chunks = (
        # 3 is the colour type with a palette; then deflate, standard filters, no interlacing.
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"tRNS", b"\0"),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def data_uri(png: bytes) -> str:
    """Return a PNG as a data URI, for a page that loads nothing."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _in_pairs(codes: Codes) -> Codes:
    """Return pairs of codes of a row packed in one byte, the left one in the high half."""
    even = np.pad(codes, ((0, 0), (0, codes.shape[1] % 2)))
    return np.asarray(even[:, 0::2] << 4 | even[:, 1::2], dtype="uint8")


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
