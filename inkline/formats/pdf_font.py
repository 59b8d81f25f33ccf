"""The font of an invisible text layer: no outlines, one width per class of characters, made by code.

Every cluster of characters that occurs gets its own code, and the ToUnicode map tells what it means: surrogates,
combining marks and all scripts are treated alike. The font program has one glyph without area per width, so that its
widths and those of the PDF agree, as PDF/A requires.
"""

import io
from collections.abc import Mapping
from typing import Any

import pikepdf
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from pikepdf import Array, Dictionary, Name, Stream, String

from inkline.formats.line_geometry import text_width

UNITS_PER_EM = 1000
Reach = tuple[int, int]  # how far glyphs reach above and below the base line, in thousandths of the font size
PLAIN_REACH: Reach = (UNITS_PER_EM, 0)
FONT_NAME = "InklineGlyphless"
FIRST_CODE = 32  # those below are not used
MAX_CODES = 65_536 - FIRST_CODE
REPLACEMENT = "\ufffd"

_ASCII_CODES = {chr(code): code for code in range(FIRST_CODE, 127)} | {REPLACEMENT: 127}
# What no text layer can hold, control characters and lone surrogates, for `str.translate`.
NOT_IN_TEXT_LAYERS = dict.fromkeys([*range(32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], REPLACEMENT)


class GlyphCodes:
    """The codes given out so far, two bytes each: ASCII has its own, other clusters follow as they first occur."""

    def __init__(self) -> None:
        self._codes = dict(_ASCII_CODES)

    def encode(self, clusters: list[str]) -> bytes:
        """The codes of clusters; what comes when all are taken becomes the replacement character."""
        out = bytearray()
        for cluster in clusters:
            if len(self._codes) >= MAX_CODES and cluster not in self._codes:
                cluster = REPLACEMENT
            code = self._codes.setdefault(cluster, len(self._codes) + FIRST_CODE)
            out += code.to_bytes(2, "big")
        return bytes(out)

    def fill_fonts(self, pdf: pikepdf.Pdf, fonts: Mapping[Reach, Any]) -> None:
        """Make each of `fonts`, indirect dictionaries of `pdf`, a font of all codes given out until now, with its reach."""
        # One glyph per distinct width; codes of the same width share it.
        widths = {code: text_width(cluster) for cluster, code in self._codes.items()}
        distinct = sorted(set(widths.values()))
        glyph = {width: i for i, width in enumerate(distinct, 1)}
        to_glyph = bytearray(2 * (len(widths) + FIRST_CODE))
        for code, width in widths.items():
            to_glyph[2 * code : 2 * code + 2] = glyph[width].to_bytes(2, "big")
        # What all of them share.
        shared: dict[str, Any] = {
            "Type": Name.Font,
            "Subtype": Name.CIDFontType2,
            "BaseFont": Name(f"/{FONT_NAME}"),
            "CIDSystemInfo": Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0),
            "CIDToGIDMap": pdf.make_indirect(Stream(pdf, bytes(to_glyph))),
            "DW": UNITS_PER_EM,
            "W": pdf.make_indirect(Array([FIRST_CODE, Array([widths[code] for code in sorted(widths)])])),
        }
        to_unicode = pdf.make_indirect(Stream(pdf, to_unicode_map(self._codes)))
        for reach, font in fonts.items():
            descriptor = pdf.make_indirect(_descriptor(pdf, shared["BaseFont"], distinct, reach))
            font[Name.Type] = Name.Font
            font[Name.Subtype] = Name.Type0
            font[Name.BaseFont] = shared["BaseFont"]
            font[Name.Encoding] = Name("/Identity-H")
            font[Name.DescendantFonts] = Array([pdf.make_indirect(Dictionary(**shared, FontDescriptor=descriptor))])
            font[Name.ToUnicode] = to_unicode


def _descriptor(pdf: pikepdf.Pdf, name: Name, widths: list[int], reach: Reach) -> Dictionary:
    above, below = reach
    return Dictionary(
        Type=Name.FontDescriptor,
        FontName=name,
        Flags=4,
        FontBBox=Array([0, -below, UNITS_PER_EM, above]),
        ItalicAngle=0,
        Ascent=max(above, 1),  # readers take 0 for "not given" and replace it by their own guess
        Descent=min(-below, -1),
        CapHeight=max(above, 1),
        StemV=80,
        FontFile2=pdf.make_indirect(Stream(pdf, font_program(widths, reach))),
    )


def font_program(widths: list[int], reach: Reach = PLAIN_REACH) -> bytes:
    """A TrueType font whose glyph 1 + i has no area and is widths[i] wide."""
    names = [".notdef", *(f"w{width}" for width in widths)]
    builder = FontBuilder(UNITS_PER_EM, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({})
    advances = dict(zip(names, [UNITS_PER_EM, *widths], strict=True))
    builder.setupGlyf({name: _line_glyph(width, reach) for name, width in advances.items()})
    builder.setupHorizontalMetrics({name: (width, 0) for name, width in advances.items()})
    builder.setupHorizontalHeader(ascent=reach[0], descent=-reach[1])
    builder.setupPost(keepGlyphNames=False)
    font: Any = builder.font
    for table in ("cmap", "post"):  # a font inside a PDF does not need them
        del font[table]
    font["head"].created = font["head"].modified = 0  # the same text gives the same bytes
    font.recalcTimestamp = False
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def _line_glyph(width: int, reach: Reach) -> Any:
    """A contour out and back along one line: nothing to fill, but a box, without which PDFium drops sideways text."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, -reach[1]))
    pen.lineTo((width, reach[0]))
    pen.closePath()
    return pen.glyph()


def to_unicode_map(codes: dict[str, int]) -> bytes:
    """The CMap from codes to UTF-16, in groups of a hundred as the format limits them."""
    lines = [
        *("/CIDInit /ProcSet findresource begin", "12 dict begin", "begincmap"),
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        *("/CMapName /Adobe-Identity-UCS def", "/CMapType 2 def"),
        *("1 begincodespacerange", "<0000> <FFFF>", "endcodespacerange"),
        *("1 beginbfrange", f"<{FIRST_CODE:04X}> <007E> <{FIRST_CODE:04X}>", "endbfrange"),
    ]
    entries = [f"<{code:04X}> <{cluster.encode('utf-16-be').hex().upper()}>" for cluster, code in codes.items() if code > 126]
    for start in range(0, len(entries), 100):
        group = entries[start : start + 100]
        lines += [f"{len(group)} beginbfchar", *group, "endbfchar"]
    lines += ["endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"]
    return "\n".join(lines).encode() + b"\n"
