import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.images.image import apply_image, as_asked, header, image_preprocessing, quiet, read_image

RED, GREEN = (255, 0, 0), (0, 255, 0)


def saved(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(mode="RGB", size=(6, 4), seed=0):
    channels = len(Image.new(mode, (1, 1)).getbands())
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.frombytes(mode, size, pixels.tobytes())


def png(width, height, data=b"", depth=8, kind=0):
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_pixels_are_those_of_the_file_channels_first(kind):
    image = picture()
    pixels = read_image(saved(image, kind), "a")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(image).transpose(2, 0, 1))


def test_colour_is_found_in_the_pixels_and_not_in_the_mode():
    grey = picture("L")
    content = saved(grey.convert("RGB"))
    np.testing.assert_array_equal(read_image(content, "a"), np.asarray(grey)[None])
    assert read_image(content, "a", colour="rgb").shape == (3, 4, 6)
    assert read_image(saved(picture()), "a").shape == (3, 4, 6)
    luma = read_image(saved(Image.new("RGB", (1, 1), GREEN)), "a", colour="grey")
    assert luma.tolist() == [[[150]]]  # 0.587 · 255, ITU-R 601


@pytest.mark.parametrize("turn", range(1, 9))
def test_an_exif_turn_is_undone(turn):
    upright = picture(size=(6, 4))
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[turn]  # what the camera did, by Pillow's numbers
    held = upright if undo is None else upright.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = turn
    content = saved(held, exif=exif)
    np.testing.assert_array_equal(read_image(content, "a"), np.asarray(upright).transpose(2, 0, 1))


def test_a_header_says_size_and_mode_and_what_reading_changes(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(saved(picture(size=(6, 4)), "JPEG", exif=exif))
    (tmp_path / "b.png").write_bytes(saved(picture("LA", size=(6, 4))))
    (tmp_path / "c.png").write_bytes(saved(Image.fromarray(np.zeros((2, 2), np.uint16))))
    with quiet():
        assert header(tmp_path / "a.jpg", "a") == ((6, 4), False, ("turned as their EXIF says",), "RGB", "JPEG")
        assert header(tmp_path / "b.png", "b") == ((4, 6), True, ("with an alpha channel, laid on white",), "LA", "PNG")
        assert header(tmp_path / "c.png", "c") == ((2, 2), True, ("of 16 bit, scaled to 8",), "I;16", "PNG")


def test_broken_exif_is_no_reason_to_refuse_an_image():
    content = saved(picture("L"), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read_image(content, "a").shape == (1, 4, 6)


def test_16_bit_are_scaled_to_8():
    deep = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    assert read_image(saved(Image.fromarray(deep)), "a").tolist() == [[[0, 0, 1, 1, 128, 255]]]
    assert read_image(saved(Image.fromarray(deep), "TIFF"), "a").tolist() == [[[0, 0, 1, 1, 128, 255]]]
    assert read_image(b"P5 2 1 65535\n\xff\xff\x00\x00", "a").tolist() == [[[255, 0]]]


def test_16_bit_of_colour_and_few_bits_of_grey_are_scaled_too():
    deep = png(1, 1, zlib.compress(struct.pack(">B3H", 0, 65535, 257, 0)), depth=16, kind=2)
    assert read_image(deep, "a").tolist() == [[[255]], [[1]], [[0]]]
    assert read_image(png(4, 1, zlib.compress(bytes([0, 0b00_01_10_11])), depth=2), "a").tolist() == [
        [[0, 85, 170, 255]]
    ]


def test_pixels_of_no_scale_are_refused():
    with pytest.raises(ValueError, match="^a has pixels of the mode F: save it as RGB or grey"):
        read_image(saved(Image.new("F", (2, 2)), "TIFF"), "a")
    with pytest.raises(ValueError, match="^a has pixels from -1 to 70,000: save it in 8 or 16 bit"):
        read_image(saved(Image.fromarray(np.array([[-1, 70000]], np.int32)), "TIFF"), "a")


def test_black_and_white_becomes_grey():
    bits = Image.fromarray(np.array([[0, 255, 0]], np.uint8)).convert("1")
    assert read_image(saved(bits), "a").tolist() == [[[0, 255, 0]]]


def test_what_is_transparent_lies_on_white():
    image = Image.new("RGBA", (2, 1), (*RED, 0))
    image.putpixel((1, 0), (*RED, 255))
    assert read_image(saved(image), "a")[:, 0].T.tolist() == [[255, 255, 255], [255, 0, 0]]
    half = Image.new("LA", (1, 1), (0, 128))
    assert read_image(saved(half), "a").tolist() == [[[127]]]
    palette = image.convert("RGB").quantize(2)
    index = palette.getpixel((1, 0))
    assert read_image(saved(palette, transparency=index), "a", colour="rgb")[:, 0, 1].tolist() == [255, 255, 255]


def test_palettes_and_cmyk_become_rgb():
    image = Image.new("RGB", (2, 1), RED)
    assert read_image(saved(image.quantize(4), "GIF"), "a")[:, 0, 0].tolist() == [255, 0, 0]
    assert read_image(saved(image.convert("CMYK"), "TIFF"), "a")[:, 0, 0].tolist() == [255, 0, 0]


def test_a_size_is_covered_and_its_middle_cut_out():
    image = Image.new("RGB", (40, 10), RED)
    image.paste(GREEN, (15, 0, 25, 10))
    pixels = read_image(saved(image), "a", size=(10, 10))
    assert (pixels == np.array(GREEN)[:, None, None]).all()
    assert read_image(saved(image), "a", size=(20, 20)).shape == (3, 20, 20)
    assert read_image(saved(picture(size=(400, 1))), "a", size=(8, 8)).shape == (3, 8, 8)


def test_a_large_jpeg_that_is_unpacked_small_looks_as_one_unpacked_whole():
    rows, columns = np.mgrid[:800, :1200]
    smooth = Image.fromarray((127 + 120 * np.sin(rows / 90) * np.cos(columns / 110)).astype(np.uint8))
    content = saved(smooth, "JPEG", quality=95)
    whole = as_asked(read_image(content, "a")[None], (40, 60), "grey")[0]
    small = read_image(content, "a", size=(40, 60), colour="grey")
    assert np.abs(whole.astype(int) - small).max() <= 2


def test_arrays_come_to_a_size_as_files_do():
    image = picture(size=(9, 7))
    pixels = read_image(saved(image), "a")
    for size in [(7, 9), (4, 4), (12, 10)]:
        for colour in ("grey", "rgb"):
            expected = read_image(saved(image), "a", size=size, colour=colour)
            np.testing.assert_array_equal(as_asked(pixels[None], size, colour)[0], expected)


def test_a_new_file_is_brought_to_what_the_model_saw(tmp_path):
    (tmp_path / "a.png").write_bytes(saved(picture(size=(90, 70))))
    assert apply_image(image_preprocessing((28, 28), "grey"), tmp_path / "a.png", "a").shape == (1, 28, 28)


def test_several_frames_are_refused():
    first, second = picture("L"), picture("L", seed=1)
    for kind in ("GIF", "TIFF", "PNG", "WEBP"):
        content = saved(first, kind, save_all=True, append_images=[second])
        with pytest.raises(
            ValueError, match=f"^cats/a is a {kind} of several frames, and an example is one: save that"
        ):
            read_image(content, "cats/a")


def test_of_a_cameras_multi_picture_file_the_first_is_taken():
    content = saved(picture(), "MPO", save_all=True, append_images=[picture(seed=1)])
    assert read_image(content, "a").shape == (3, 4, 6)


@pytest.mark.parametrize("side", [9_000, 11_000, 20_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_by_its_header(side):
    with pytest.raises(
        ValueError, match=r"^a has [\d,]{10,} pixels by its header, and at most 67,108,864 are unpacked"
    ):
        read_image(png(side, side, zlib.compress(bytes(1000))), "a")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM"])
def test_a_truncated_file_is_one_line_wherever_it_ends(kind):
    content = saved(picture(size=(40, 40)), kind)
    for end in range(0, len(content) - 16, max(1, len(content) // 25)):
        with pytest.raises(FileDamaged, match="^cats/a is (empty|truncated)[^\n]*$"):
            read_image(content[:end], "cats/a")


def outcome(content):
    try:
        return read_image(content, "cats/a", size=(8, 8), colour="rgb").shape
    except (FileDamaged, ValueError) as error:
        message = str(error)
        return (3, 8, 8) if message.startswith("cats/a") and "\n" not in message else message


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM"])
def test_a_damaged_file_is_pixels_or_one_line(kind):
    content = saved(picture(size=(20, 20)), kind)
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(content)
        for place in rng.integers(0, min(len(content), 200), 3):
            damaged[place] = rng.integers(0, 256)
        assert outcome(bytes(damaged)) == (3, 8, 8)


def test_what_is_no_image_and_what_is_not_there(tmp_path):
    for content in (b"", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>", b"hello" * 100):
        with pytest.raises(FileDamaged, match="^a is empty, damaged or no image of PNG, JPEG"):
            read_image(content, "a")
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.png", "a")
    with pytest.raises(IsADirectoryError):
        read_image(tmp_path, "a")


def test_arguments_are_checked():
    for size in [(0, 4), (4, 5000)]:
        with pytest.raises(ValueError, match=r"size \(=.*must be \(height, width\), each from 1 to 4,096"):
            read_image(b"", "a", size=size)


def test_the_users_own_warnings_stay():
    with quiet(), pytest.warns(UserWarning, match="mine"):
        warnings.warn("mine", UserWarning, stacklevel=1)
