"""One image file as pixels, whatever it is: checked before it is decoded, turned upright, in 8 bit, grey or in colour.

Files are not trusted: only formats without programs inside are opened, the header's size is held against a limit of
ours before a pixel is unpacked, and whatever a damaged file does to the decoder is one line that names the file.
"""

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from glassworks.core.errors import FileDamaged

Size = tuple[int, int]
"""Height and width in pixels."""
Colour = Literal["auto", "grey", "rgb"]
MODES = {"grey": "L", "rgb": "RGB"}
CHANNELS = {"grey": 1, "rgb": 3}

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""What is opened: pictures of pixels. EPS would run a program. Of a JPEG, a camera's MPO is one kind."""
MOST_PIXELS = 1 << 26
"""8,192 × 8,192, 200 MB in colour: more is refused by the header, before anything is unpacked."""
LONGEST_SIDE = 1 << 12
"""Of what images are resized to."""
DEEP_MODES = {"I", "I;16", "I;16L", "I;16B", "I;16N"}
GREY_MODES = {"1", "L", "LA", "La", *DEEP_MODES}
COLOUR_MODES = {"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}

ORIENTATION = 0x0112
"""The EXIF entry that says how the camera was held."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets an image upright, by that entry."""
SIDEWAYS = (5, 6, 7, 8)
REPAIR = "restore the file or leave it out"


def read_image(
    image: Path | bytes, name: str, *, size: Size | None = None, colour: Colour = "auto"
) -> UInt8[np.ndarray, "C H W"]:
    """The pixels of an image file, 0 to 255.

    Turned as its EXIF says; 16 bit are scaled to 8 (65535 becomes 255); what is transparent lies on white; palettes,
    CMYK and black-and-white become RGB or grey. Of a camera's multi-picture JPEG the first is taken, which is the
    picture; any other file of several frames is refused.

    Args:
        image: a file, or what it holds.
        name: what messages call it.
        size: (height, width) to bring it to: scaled, without distortion, until it just covers that, and the middle cut
            out (bilinear, over all pixels that go into one). None = its own.
        colour: "grey" (ITU-R 601 luma), "rgb", or "auto": grey if every pixel is.

    Raises: FileDamaged if it is truncated, altered or no image; ValueError if it is animated, too large or has pixels
        of another kind, or if size or colour are not as above; OSError if the system refuses it.
    """
    check_size(size)
    check_colour(colour)
    with quiet():
        return decoded(image, name, size, colour)


def apply_image(preprocessing: Mapping[str, Any], image: Path | bytes, name: str) -> UInt8[np.ndarray, "C H W"]:
    """An image as those a model was trained on, by the `preprocessing` of its source: of that size, grey or in colour.

    Raises: as `read_image`.
    """
    height, width = preprocessing["size"]
    return read_image(image, name, size=(height, width), colour=preprocessing["colour"])


def image_preprocessing(size: Size, colour: Colour) -> dict[str, Any]:
    """What `apply_image` has to know, as JSON has it; the last two are the same for all images, for who reads it."""
    return {
        "kind": "images",
        "size": list(size),
        "colour": colour,
        "resize": "scaled to cover the size, middle cut out, bilinear",
        "transparent": "on white",
    }


# ----------------------------------------------------------------------------------------------------------------------
# Within `quiet`


@contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's warnings, of broken EXIF and large images: what matters of them is an error here.

    Python filters warnings for the whole process: enter it once, around all threads that decode.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def decoded(image: Path | bytes, name: str, size: Size | None, colour: Colour) -> UInt8[np.ndarray, "C H W"]:
    """`read_image`, of arguments that are checked: what threads call for many files."""
    with opened(image, name) as picture:
        if size is not None:  # a JPEG is unpacked at a half, a quarter, ... of its size where that is enough
            most = 2 * max(size)
            picture.draft(None, (most, most))
        with decoding(name):
            picture.load()
        turn = TURNS.get(orientation(picture))
        flat = flattened(picture if turn is None else picture.transpose(turn), name)
        if size is not None:
            flat = resized(flat, size)
        if colour != "auto" and flat.mode != MODES[colour]:
            flat = flat.convert(MODES[colour])
        pixels = planes(flat)
    return pixels[:1] if colour == "auto" and is_grey(pixels) else pixels


class Header(NamedTuple):
    """What an image's header says."""

    size: Size
    """Once it is upright."""
    grey: bool
    """Whether its mode has no colours; the pixels of another may have none, too."""
    changes: tuple[str, ...]
    """What reading it changes, for a note."""
    mode: str
    """Pillow's: L, RGB, P, ..."""
    format: str


def header(image: Path | bytes, name: str) -> Header:
    """What can be known of an image without unpacking a pixel.

    Raises: as `read_image`.
    """
    with opened(image, name) as picture:
        width, height = picture.size
        said = picture.format != "PNG" or "exif" in picture.info  # else Pillow would unpack a PNG to look behind it
        turn = orientation(picture) if said else 1
        changes = {
            "turned as their EXIF says": turn in TURNS,
            "of 16 bit, scaled to 8": picture.mode in DEEP_MODES,
            "with an alpha channel, laid on white": picture.has_transparency_data,
            "in CMYK, made RGB": picture.mode == "CMYK",
        }
        size = (width, height) if turn in SIDEWAYS else (height, width)
        made = tuple(change for change, is_so in changes.items() if is_so)
        return Header(size, picture.mode in GREY_MODES, made, picture.mode, str(picture.format))


@contextmanager
def opened(image: Path | bytes, name: str) -> Iterator[Image.Image]:
    """An image whose header passes: of a format that is read, not too large, one frame."""
    with decoding(name):
        picture = Image.open(io.BytesIO(image) if isinstance(image, bytes) else image, formats=FORMATS)
    with picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise too_large(name, picture.width * picture.height)
        with decoding(name):
            several = picture.format != "MPO" and getattr(picture, "is_animated", False)
        if several:
            raise ValueError(
                f"{name} is a {picture.format} of several frames, and an example is one: save that, or leave it out"
            )
        yield picture


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Whatever a damaged file makes Pillow raise, as one line that names the file; what the system says stays."""
    try:
        yield
    except UnidentifiedImageError:
        raise FileDamaged(f"{name} is empty, damaged or no image of {', '.join(FORMATS)}: {REPAIR}") from None
    except Image.DecompressionBombError as error:
        raise too_large(name, int(re.findall(r"\d+", str(error))[0])) from None
    except Exception as error:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileDamaged(f"{name} is truncated or damaged ({reason}): {REPAIR}") from error


def too_large(name: str, pixels: int) -> ValueError:
    """The one line for an image of too many pixels."""
    return ValueError(
        f"{name} has {pixels:,} pixels by its header, and at most {MOST_PIXELS:,} are unpacked: scale it down or "
        "leave it out"
    )


def orientation(picture: Image.Image) -> int:
    """How the camera was held, as EXIF counts it; 1, upright, where nothing says so or it cannot be read."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF raises anything, and the pixels are as good
        return 1


# ----------------------------------------------------------------------------------------------------------------------
# Pixels


def flattened(picture: Image.Image, name: str) -> Image.Image:
    """In 8 bit, grey or RGB, on white where it is transparent."""
    if picture.mode not in GREY_MODES | COLOUR_MODES:
        raise ValueError(f"{name} has pixels of the mode {picture.mode}: save it as RGB or grey, in 8 or 16 bit")
    mode = "L" if picture.mode in GREY_MODES else "RGB"
    if picture.mode in DEEP_MODES:
        picture = eight_bits(picture, name)
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture if picture.mode == mode else picture.convert(mode)


def eight_bits(picture: Image.Image, name: str) -> Image.Image:
    """16 bit of grey in 8, rounded: 65535 becomes 255."""
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        low, high = int(values.min()), int(values.max())
        raise ValueError(f"{name} has pixels from {low:,} to {high:,}: save it in 8 or 16 bit, from 0 to 65,535")
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def resized(picture: Image.Image, size: Size) -> Image.Image:
    """The middle of an image that is scaled, without distortion, until it just covers a size."""
    height, width = size
    if picture.size == (width, height):
        return picture
    return ImageOps.fit(picture, (width, height), method=Image.Resampling.BILINEAR)


def planes(picture: Image.Image) -> UInt8[np.ndarray, "C H W"]:
    """A grey or RGB image as an array, channels first."""
    pixels = np.asarray(picture)
    return pixels[None].copy() if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def is_grey(pixels: UInt8[np.ndarray, "C H W"]) -> bool:
    """Whether all channels are the same."""
    return bool((pixels == pixels[:1]).all())


def as_asked(pixels: UInt8[np.ndarray, "N C H W"], size: Size, colour: Colour) -> UInt8[np.ndarray, "N c h w"]:
    """Images that are arrays already, brought to a size and to grey or RGB as files are."""
    channels = CHANNELS.get(colour, pixels.shape[1])
    if pixels.shape[1:] == (channels, *size):
        return pixels
    mode = MODES["grey" if channels == 1 else "rgb"]
    pictures = (Image.fromarray(one[0] if len(one) == 1 else one.transpose(1, 2, 0)) for one in pixels)
    return np.stack([planes(resized(picture, size).convert(mode)) for picture in pictures])


# ----------------------------------------------------------------------------------------------------------------------
# Arguments


def check_size(size: Size | None) -> None:
    """Refuse what is no (height, width) that images can be brought to."""
    if size is not None and not (len(size) == 2 and all(type(n) is int and 1 <= n <= LONGEST_SIDE for n in size)):
        raise ValueError(f"size (={size!r}) must be (height, width), each from 1 to {LONGEST_SIDE:,} pixels")


def check_colour(colour: str) -> None:
    """Refuse what is no colour mode."""
    if colour not in ("auto", *MODES):
        raise ValueError(f'colour (={colour!r}) must be "auto", "grey" or "rgb"')
