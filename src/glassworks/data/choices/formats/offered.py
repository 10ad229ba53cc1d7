"""Rows of a prompt with options to choose among: texts, images, or clips of an agent.

{"prompt": "...", "options": ["...", {"text": "...", "source": "model A"}, {"messages": [...]}]}
{"prompt": "...", "images": ["a.png", {"path": "b.png", "source": "model B"}]}
{"prompt": "...", "clips": [{"frames": ["<svg ...>", ...], "fps": 20, "source": "seed 0"}, ...]}
"""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

from glassworks.data.choices.comparison import Comparison, Option
from glassworks.data.choices.formats.rows import Row
from glassworks.data.choices.store import Store

KINDS = ("options", "images", "clips")
MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
MOST_BYTES = 20 * 2**20
FPS = 20.0


def is_offered(row: Row) -> bool:
    """Whether a row is one of these."""
    return any(name in row for name in KINDS)


def read_offered(store: Store, row: Row, where: str, folder: Path) -> Comparison:
    """A row as a comparison; paths of images are relative to the file's folder, and pictures go into the store."""
    name = next(name for name in KINDS if name in row)
    values = row[name]
    if not isinstance(values, list):
        raise ValueError(f"{name} (={values!r}) must be a list")
    make = {"options": text_option, "images": lambda one: image_option(store, one, folder), "clips": clip_option}[name]
    comparison, _ = Comparison.of(row.get("prompt") or "", [make(one) for one in values], where=where)
    return comparison


def text_option(value: Any) -> Option:
    """A text, or an object with a text or messages and its source."""
    if isinstance(value, str):
        return Option({"text": value})
    if not isinstance(value, dict):
        raise ValueError(f"option (={value!r}) must be a text, or an object with one")
    content = {name: value[name] for name in ("text", "messages") if value.get(name) is not None}
    return Option(content, str(value.get("source") or ""))


def clip_option(value: Any) -> Option:
    """A clip: its frames drawn, and how many a second."""
    if not isinstance(value, dict) or not isinstance(value.get("frames"), list):
        raise ValueError('clip must be {"frames": ["<svg ...>", ...], "fps": 20}')
    fps = value.get("fps", FPS)
    if not isinstance(fps, int | float) or not 0 < fps <= 240:
        raise ValueError(f"fps (={fps!r}) must be above 0, at most 240")
    return Option({"frames": value["frames"], "fps": float(fps)}, str(value.get("source") or ""))


def image_option(store: Store, value: Any, folder: Path) -> Option:
    """An image by its path, kept in the store."""
    path = value.get("path") if isinstance(value, dict) else value
    if not isinstance(path, str):
        raise ValueError(f'image (={value!r}) must be a path, or {{"path": ..., "source": ...}}')
    source = str(value.get("source") or "") if isinstance(value, dict) else ""
    return keep_image(store, folder / path, source)


def keep_image(store: Store, path: Path, source: str = "") -> Option:
    """Put an image into a store; ValueError for what is none, or larger than a page shows."""
    from PIL import Image, UnidentifiedImageError

    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} is larger than {MOST_BYTES // 2**20} MiB: give a smaller image")
    data = path.read_bytes()
    try:
        with Image.open(BytesIO(data)) as image:
            image.verify()
            media = MEDIA.get(image.format or "")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        media = None
    if media is None:
        raise ValueError(f"{path} is no image that a page shows: give {', '.join(MEDIA)}")
    digest = hashlib.sha256(data).hexdigest()
    store.add_picture(digest, media, data)
    return Option({"image": digest}, source)
