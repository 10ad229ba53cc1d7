"""Images: numbers of pixels as a PNG within the page, pixels as squares, on light and dark paper alike.

Red, green and blue are shown as they are, one channel as grey. A map of numbers is orange above zero and blue below,
the stronger the less of the paper shows through.
"""

import base64
import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from glassworks.draw.colour_scale import coloured_scale
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import short

ABOVE, BELOW = (222, 108, 28), (40, 132, 208)  # that stand out from light and from dark paper
COARSE = 3  # from this size on, pixels are squares, all of one size
STEPS = 16
MOST = 1000  # pixels on a side that a page holds


@dataclass(frozen=True)
class Image:
    """Pixels (rows, columns), or with channels (rows, columns, 1, 3 or 4) as shares of full brightness, from 0 to 1.

    The fourth is how opaque a pixel is.
    """

    pixels: np.ndarray
    title: str = ""
    reach: float = 0.0
    """Of a map: the number at which its colours end; 0 = the largest size."""


def image(picture: Image, width: int = 350) -> Markup:
    """An image as wide as it may be, pixels at most 16 wide; where they are seen, they are squares of one size."""
    rows, columns = picture.pixels.shape[:2]
    scale = min(16, width / columns)
    wide = columns * int(scale) if scale >= COARSE else width
    data = base64.b64encode(png(rgba(picture))).decode()
    drawn = tag(
        "img",
        src=f"data:image/png;base64,{data}",
        alt=f"{picture.title or 'image'}, {rows} × {columns} pixels",
        width=wide,
        height=max(1, round(wide * rows / columns)),
        class_="pixels" if scale >= 1 else "pixels fine",
    )
    return tag("div", tag("p", picture.title, class_="head-name") if picture.title else "", drawn)


def coarser(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """The means of squares of pixels, where an image has more of them on a side than `MOST`; and a square's side."""
    rows, columns = pixels.shape[:2]
    side = math.ceil(max(rows, columns) / MOST)
    if side == 1:
        return pixels, 1
    whole = pixels[: rows - rows % side or rows, : columns - columns % side or columns]
    high, wide = (min(side, size) for size in whole.shape[:2])
    return whole.reshape(len(whole) // high, high, whole.shape[1] // wide, wide, *whole.shape[2:]).mean((1, 3)), side


def rgba(picture: Image) -> np.ndarray:
    """The image's bytes (rows, columns, 4); what is no number is left out of it, clear."""
    pixels = picture.pixels.astype(float)
    known = np.isfinite(pixels)
    if pixels.ndim == 3:
        known = known.all(-1)
        if pixels.shape[-1] == 4:
            found: np.ndarray = np.rint(255 * np.clip(np.nan_to_num(pixels), 0.0, 1.0) * known[..., None])
            return found.astype(np.uint8)
        colours = np.broadcast_to(np.clip(np.nan_to_num(pixels), 0.0, 1.0), (*pixels.shape[:2], 3))
        return np.concatenate([np.rint(255 * colours), 255.0 * known[..., None]], -1).astype(np.uint8)
    shares = np.nan_to_num(pixels) / (picture.reach or reach_of(pixels))
    colours = np.where((shares >= 0)[..., None], np.array(ABOVE), np.array(BELOW))
    alpha = 255 * np.clip(abs(shares), 0.0, 1.0) * known
    return np.concatenate([colours, np.rint(alpha)[..., None]], -1).astype(np.uint8)


def reach_of(values: np.ndarray) -> float:
    """Where the colours of maps end: at the 99th percentile of the sizes, or at the largest, or at 1 if all is 0."""
    sizes = abs(values[np.isfinite(values)])
    return (float(np.quantile(sizes, 0.99, method="higher")) or float(sizes.max())) if sizes.any() else 1.0


def png(pixels: np.ndarray) -> bytes:
    """Bytes (rows, columns, 4) as a PNG file (ISO/IEC 15948): 8 bits a channel, no filters."""
    rows, columns = pixels.shape[:2]
    raw = np.concatenate([np.zeros((rows, 1), np.uint8), pixels.reshape(rows, -1)], 1).tobytes()
    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def map_scale(reach: float, most: float = 0.0, signed: bool = True) -> Markup:
    """The colours of a map with their numbers, from 0 where none is below; a plus where the largest goes beyond."""
    low = -1.0 if signed else 0.0
    shares = [low + (1.0 - low) * (i + 0.5) / STEPS for i in range(STEPS)]
    strip = [
        tag("i", style=f"background:rgb{ABOVE if share > 0 else BELOW};opacity:{abs(share):.2f}".replace(" ", ""))
        for share in shares
    ]
    marks = [(at, short((low + (1.0 - low) * at) * reach)) for at in (0.0, 0.25, 0.5, 0.75, 1.0)]
    marks[-1] = (1.0, marks[-1][1] + "+" * (most > reach * (1 + 1e-6)))
    return coloured_scale(strip, marks)


def brightness(pixels: np.ndarray) -> np.ndarray:
    """Bytes from 0 to 255 as shares of full brightness; other numbers moved and scaled to lie between 0 and 1."""
    values = pixels.astype(float)
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=1.0))
    if low == 0.0 and high > 1.0 and math.isclose(float(np.abs(finite - np.rint(finite)).max(initial=0.0)), 0.0):
        return values / max(255.0, high)
    return (values - low) / (high - low)
