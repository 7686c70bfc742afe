"""decode_image gives Pillow's pixels for every file that Pillow and it take, and refuses what is not whole."""

import io
import struct
import warnings
import zlib

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps, PngImagePlugin

from pyserver._core import OpChain, StatusError

thorough = settings(derandomize=True, deadline=None, max_examples=120)

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT.value[0]
COLOURS = {"RGB": "RGB", "BGR": "RGB", "GRAY": "L"}
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}
sides = st.one_of(st.integers(1, 40), st.sampled_from([63, 64, 65, 97]))


def decode(file: bytes, **options: object) -> np.ndarray:
    chain = OpChain([("decode_image", options)], "BYTES", [])
    shape, pixels = chain.run(struct.pack("<I", len(file)) + file, [])
    return np.frombuffer(pixels, np.uint8).reshape(shape)


def as_array(picture: Image.Image, colour: str) -> np.ndarray:
    pixels = np.asarray(picture.convert(COLOURS[colour])).reshape(picture.height, picture.width, -1)
    return pixels[:, :, ::-1] if colour == "BGR" else pixels


def pillow(file: bytes, colour: str = "RGB") -> np.ndarray:
    with warnings.catch_warnings(action="ignore"):
        return as_array(ImageOps.exif_transpose(Image.open(io.BytesIO(file))), colour)


def saved(picture: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def oriented(orientation: int | None) -> dict[str, Image.Exif]:
    if orientation is None:
        return {}
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return {"exif": exif}


@st.composite
def pictures(draw: st.DrawFn, modes: tuple[str, ...]) -> Image.Image:
    """Ramps with some noise, as photographs have, or nothing but noise."""
    mode, width, height = draw(st.sampled_from(modes)), draw(sides), draw(sides)
    channels = CHANNELS.get(mode, 3)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    noise = rng.integers(0, draw(st.sampled_from([1, 20, 256])), (height, width, channels))
    pixels = ((x * (3 + c) + y * (5 - c) + noise) % 256).astype(np.uint8)
    if mode in CHANNELS:
        return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels, mode)
    return Image.fromarray(pixels, "RGB").convert(mode)


def test_jpegs_of_every_kind_have_pillows_pixels() -> None:
    @thorough
    @given(
        picture=pictures(("L", "RGB", "CMYK")),
        colour=st.sampled_from(sorted(COLOURS)),
        quality=st.integers(1, 100),
        options=st.fixed_dictionaries(
            {"progressive": st.booleans(), "optimize": st.booleans()},
            optional={"restart_marker_blocks": st.integers(1, 5)},
        ),
        colours=st.sampled_from([{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"keep_rgb": True}]),
        orientation=st.sampled_from([None, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    )
    def check(picture, colour, quality, options, colours, orientation):
        file = saved(picture, "JPEG", quality=quality, **options, **colours, **oriented(orientation))
        np.testing.assert_array_equal(decode(file, color=colour), pillow(file, colour))

    check()


def test_jpegs_can_be_decoded_smaller_as_pillows_draft_does() -> None:
    @thorough
    @given(
        picture=pictures(("L", "RGB", "CMYK")),
        colour=st.sampled_from(sorted(COLOURS)),
        size=st.integers(1, 60),
        subsampling=st.sampled_from([0, 1, 2]),
        orientation=st.sampled_from([None, 3, 6]),
    )
    def check(picture, colour, size, subsampling, orientation):
        file = saved(picture, "JPEG", subsampling=subsampling, **oriented(orientation))
        reference = Image.open(io.BytesIO(file))
        reference.draft(COLOURS[colour], (size, size))
        expected = as_array(ImageOps.exif_transpose(reference), colour)
        np.testing.assert_array_equal(decode(file, color=colour, draft=size), expected)

    check()


def test_pngs_of_every_mode_have_pillows_pixels() -> None:
    @thorough
    @given(
        picture=pictures(("1", "L", "P", "LA", "RGB", "RGBA")),
        colour=st.sampled_from(sorted(COLOURS)),
        level=st.sampled_from([0, 1, 9]),
        orientation=st.sampled_from([None, 2, 5, 8]),
        transparency=st.sampled_from([None, 0, 7]),
        bits=st.sampled_from([1, 2, 4, 8]),
    )
    def check(picture, colour, level, orientation, transparency, bits):
        options = oriented(orientation)
        if picture.mode == "P":
            picture = picture.quantize(2**bits)
            options["bits"] = bits
        if transparency is not None and picture.mode in ("P", "L"):
            options["transparency"] = transparency
        file = saved(picture, "PNG", compress_level=level, **options)
        np.testing.assert_array_equal(decode(file, color=colour), pillow(file, colour))

    check()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, depth: int, colour_type: int, interlaced: bool, seed: int) -> bytes:
    """A PNG of random samples, such as Pillow does not write: interlaced, with 2 or 16 bits."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    rng = np.random.default_rng(seed)
    # Adam7: first column, first row, and their steps.
    adam7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for left, top, right, down in adam7 if interlaced else [(0, 0, 1, 1)]:
        columns, lines = len(range(left, width, right)), len(range(top, height, down))
        for _ in range(lines if columns else 0):
            rows += bytes([rng.integers(0, 5)]) + rng.bytes((columns * channels * depth + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    palette = chunk(b"PLTE", rng.bytes(3 * 2**depth)) if colour_type == 3 else b""
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + pixels + chunk(b"IEND", b"")


DEPTHS = [(1, 0), (2, 0), (4, 0), (8, 0), (1, 3), (2, 3), (4, 3), (8, 3)]
DEPTHS += [(depth, colour_type) for colour_type in (2, 4, 6) for depth in (8, 16)]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("depth", "colour_type"), DEPTHS)
def test_pngs_of_every_depth_interlaced_or_not_have_pillows_pixels(depth, colour_type, interlaced) -> None:
    for width, height in [(1, 1), (2, 3), (5, 5), (8, 8), (17, 11), (33, 9)]:
        file = raw_png(width, height, depth, colour_type, interlaced, seed=width)
        for colour in COLOURS:
            np.testing.assert_array_equal(decode(file, color=colour), pillow(file, colour))


def test_webps_have_pillows_pixels() -> None:
    @thorough
    @given(
        picture=pictures(("L", "RGB", "RGBA")),
        colour=st.sampled_from(sorted(COLOURS)),
        quality=st.integers(0, 100),
        lossless=st.booleans(),
        exact=st.booleans(),
        orientation=st.sampled_from([None, 4, 7]),
    )
    def check(picture, colour, quality, lossless, exact, orientation):
        file = saved(
            picture, "WEBP", quality=quality, lossless=lossless, exact=exact, method=1, **oriented(orientation)
        )
        np.testing.assert_array_equal(decode(file, color=colour), pillow(file, colour))

    check()


def test_bmps_that_pillow_writes_have_its_pixels() -> None:
    @thorough
    @given(picture=pictures(("1", "L", "P", "RGB", "RGBA")), colour=st.sampled_from(sorted(COLOURS)))
    def check(picture, colour):
        file = saved(picture, "BMP")
        np.testing.assert_array_equal(decode(file, color=colour), pillow(file, colour))

    check()


def raw_bmp(width, height, bits, pixels, *, compression=0, masks=b"", palette=b"", header_bytes=40) -> bytes:
    offset = 14 + header_bytes + (len(masks) if header_bytes == 40 else 0) + len(palette)
    begin = struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset)
    if header_bytes == 12:
        return begin + struct.pack("<IHHHH", 12, width, height, 1, bits) + palette + pixels
    colours = len(palette) // 4
    info = struct.pack("<IiiHHIIIIII", header_bytes, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
    return begin + (info + masks).ljust(header_bytes, b"\0") + palette + pixels


BMPS = {
    "4 bits": {"bits": 4, "palette": bytes(range(3, 67))},
    "8 bits, few colours": {"bits": 8, "palette": bytes(range(40, 80))},
    "8 bits, few grays": {"bits": 8, "palette": b"".join(bytes([gray] * 3 + [0]) for gray in range(9))},
    "16 bits": {"bits": 16},
    "24 bits": {"bits": 24},
    "32 bits": {"bits": 32},
    "5-5-5 bits": {"bits": 16, "compression": 3, "masks": struct.pack("<3I", 0x7C00, 0x3E0, 0x1F)},
    "5-6-5 bits": {"bits": 16, "compression": 3, "masks": struct.pack("<3I", 0xF800, 0x7E0, 0x1F)},
    "BGRX": {"bits": 32, "compression": 3, "masks": struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)},
    "XBGR": {"bits": 32, "compression": 3, "masks": struct.pack("<3I", 0xFF000000, 0xFF0000, 0xFF00)},
    "RGBA": {
        "bits": 32,
        "compression": 3,
        "masks": struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        "header_bytes": 124,
    },
    "of OS/2": {"bits": 24, "header_bytes": 12},
}


@pytest.mark.parametrize("kind", BMPS)
@pytest.mark.parametrize("top_down", [False, True])
def test_bmps_of_every_kind_have_pillows_pixels(kind, top_down) -> None:
    options = BMPS[kind]
    if top_down and options.get("header_bytes") == 12:
        pytest.skip("there is no such file")
    for width, height in [(1, 1), (3, 2), (17, 5)]:
        stride = (width * options["bits"] + 31) // 32 * 4
        pixels = np.random.default_rng(width).bytes(stride * height)
        file = raw_bmp(width, -height if top_down else height, pixels=pixels, **options)
        for colour in COLOURS:
            np.testing.assert_array_equal(decode(file, color=colour), pillow(file, colour))


@pytest.mark.parametrize("four_bits", [False, True])
def test_run_length_encoded_bmps_have_pillows_pixels_or_are_refused(four_bits) -> None:
    palette = np.random.default_rng(1).bytes(4 * (16 if four_bits else 256))
    runs = st.one_of(
        st.binary(min_size=2, max_size=2).filter(lambda run: run[0] > 0),
        st.sampled_from([b"\0\0", b"\0\x02\x03\x01", b"\0\x02\0\0", b"\0\x03abcd", b"\0\x04wxyz", b"\0\x05abcdef"]),
    )

    @thorough
    @given(width=st.integers(1, 9), height=st.integers(1, 9), body=st.lists(runs, max_size=40).map(b"".join))
    def check(width, height, body):
        bits = 4 if four_bits else 8
        file = raw_bmp(width, height, bits, body + b"\0\1", compression=2 if four_bits else 1, palette=palette)
        assert_same_or_refused(file)

    check()


def assert_same_or_refused(file: bytes) -> bool:
    """Whether `file` was decoded."""
    try:
        pixels = decode(file)
    except StatusError as error:
        assert error.code == INVALID_ARGUMENT  # noqa: PT017
        return False
    np.testing.assert_array_equal(pixels, pillow(file))
    return True


def samples() -> dict[str, bytes]:
    x, y = np.meshgrid(np.arange(37), np.arange(23))
    colours = Image.fromarray(np.stack([x * 6, y * 9, (x * y) % 256], -1).astype(np.uint8))
    return {
        "baseline JPEG": saved(colours, "JPEG"),
        "progressive JPEG": saved(colours, "JPEG", progressive=True),
        "CMYK JPEG": saved(colours.convert("CMYK"), "JPEG"),
        "PNG": saved(colours, "PNG"),
        "palette PNG": saved(colours.quantize(16), "PNG"),
        "interlaced PNG": raw_png(13, 9, 8, 6, interlaced=True, seed=3),
        "lossy WebP": saved(colours, "WEBP"),
        "lossless WebP": saved(colours, "WEBP", lossless=True),
        "extended WebP": saved(colours.convert("RGBA"), "WEBP", **oriented(6)),
        "BMP": saved(colours, "BMP"),
    }


@pytest.mark.parametrize("name", samples())
def test_a_truncated_picture_is_refused_unless_pillow_has_all_its_pixels(name) -> None:
    file = samples()[name]
    decoded = sum(assert_same_or_refused(file[:length]) for length in range(len(file)))
    # What may be missing is the end of the file, after the last pixel.
    assert decoded < 24
    assert assert_same_or_refused(file)


def test_a_changed_picture_is_refused_or_decoded_but_never_more() -> None:
    files = list(samples().values())

    @thorough
    @given(file=st.sampled_from(files), changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255))))
    def check(file, changes):
        changed = bytearray(file)
        for place, value in changes:
            changed[place % len(changed)] = value
        try:
            assert decode(bytes(changed), max_pixels=10**6).shape[2] == 3
        except StatusError as error:
            assert error.code == INVALID_ARGUMENT  # noqa: PT017

    check()


def refusal(file: bytes, **options: object) -> str:
    with pytest.raises(StatusError) as caught:
        decode(file, **options)
    assert caught.value.code == INVALID_ARGUMENT
    return str(caught.value)


def gray() -> Image.Image:
    return Image.new("L", (4, 3), 100)


def test_a_wrong_format_is_named() -> None:
    expected = "decode_image: expected JPEG, PNG, WebP or BMP, got "
    assert refusal(b"") == expected + "0 bytes"
    assert refusal(saved(gray(), "GIF")) == expected + "bytes that begin with 47 49 46 38 (GIF)"
    assert refusal(saved(gray(), "TIFF")) == expected + "bytes that begin with 49 49 2a 00 (TIFF)"
    assert refusal("tête".encode()) == expected + "bytes that begin with 74 c3 aa 74"
    assert refusal(b"\xff\xd8") == expected + "bytes that begin with ff d8"


def test_an_animated_webp_is_refused_and_of_an_animated_png_the_default_picture_is_taken() -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "green", "blue")]
    webp = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert refusal(webp) == "decode_image: expected one picture, got an animated WebP"
    for default_image in (False, True):
        png = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=default_image)
        np.testing.assert_array_equal(decode(png), pillow(png))


def test_a_gray_png_of_16_bits_is_refused_since_it_would_be_clipped() -> None:
    file = saved(Image.fromarray(np.array([[0, 200, 65535]], np.uint16)), "PNG")
    assert "a gray PNG of 16 bits has no one meaning in 8" in refusal(file)


def test_a_picture_larger_than_max_pixels_is_refused_by_its_header() -> None:
    assert decode(saved(gray(), "PNG"), max_pixels=12).shape == (3, 4, 3)
    assert refusal(saved(gray(), "PNG"), max_pixels=11) == (
        "decode_image: the PNG has 4x3 pixels: expected at most 11 in all"
    )
    for size, file_format in [((65_000, 65_000), "PNG"), ((16_383, 16_383), "WEBP"), ((65_000, 2000), "BMP")]:
        header = bytearray(saved(gray(), file_format))
        width, height = size
        if file_format == "PNG":
            header[16:24] = struct.pack(">II", width, height)
        elif file_format == "BMP":
            header[18:26] = struct.pack("<II", width, height)
        else:
            header[26:30] = struct.pack("<HH", width, height)
        assert f"{width}x{height} pixels: expected at most 89478485 in all" in refusal(bytes(header))


def test_the_orientation_may_be_left_as_it_is_or_come_from_xmp() -> None:
    picture = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    file = saved(picture, "PNG", **oriented(6))
    np.testing.assert_array_equal(decode(file, exif=False)[:, :, 0], np.arange(24).reshape(4, 6))
    xmp = b'<rdf:Description tiff:Orientation="8" />'
    for file_format, options in [("JPEG", {}), ("WEBP", {"lossless": True})]:
        file = saved(picture.convert("RGB"), file_format, xmp=xmp, **options)
        np.testing.assert_array_equal(decode(file), pillow(file))
        assert decode(file).shape == (6, 4, 3)
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
    file = saved(picture, "PNG", pnginfo=texts)
    np.testing.assert_array_equal(decode(file), pillow(file))
    assert decode(file).shape == (6, 4, 3)
