"""The font of an invisible text layer: no outlines, one width for each class of character, made by code.

Every cluster of characters that occurs gets a code of its own, and the ToUnicode map tells what it means: surrogates,
combining marks and every script are alike. The font program has one glyph without area for each width, so that its widths and
those of the PDF agree, as PDF/A asks.
"""

import io
from typing import TYPE_CHECKING, Any

from inkline.formats.placing import text_width

if TYPE_CHECKING:
    import pikepdf

UNITS = 1000
FONT_NAME = "InklineGlyphless"
FIRST = 32  # the first code; those below are not used
MAX_CODES = 65_536 - FIRST

_ASCII = {chr(code): code for code in range(FIRST, 127)} | {"\ufffd": 127}

_BAD = dict.fromkeys([*range(32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd")


class Codes:
    """The codes given out so far, two bytes each: ASCII has its own, other clusters follow as they first occur."""

    def __init__(self) -> None:
        self._codes = dict(_ASCII)

    def encode(self, parts: list[str]) -> bytes:
        """The codes of clusters; what comes when all are taken becomes the replacement character."""
        out = bytearray()
        for part in parts:
            if len(self._codes) >= MAX_CODES and part not in self._codes:
                part = "\ufffd"
            code = self._codes.setdefault(part, len(self._codes) + FIRST)
            out += code.to_bytes(2, "big")
        return bytes(out)

    def fill(self, pdf: "pikepdf.Pdf", font: Any) -> None:
        """Make `font`, an indirect dictionary of `pdf`, the font of all codes given out until now."""
        from pikepdf import Array, Dictionary, Name, Stream, String

        widths = {code: text_width(part) for part, code in self._codes.items()}
        distinct = sorted(set(widths.values()))
        glyph = {width: i for i, width in enumerate(distinct, 1)}
        to_glyph = bytearray(2 * (len(widths) + FIRST))
        for code, width in widths.items():
            to_glyph[2 * code : 2 * code + 2] = glyph[width].to_bytes(2, "big")
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=Name(f"/{FONT_NAME}"),
            Flags=4,
            FontBBox=Array([0, 0, UNITS, UNITS]),
            ItalicAngle=0,
            Ascent=UNITS,
            Descent=-1,  # readers take 0 for "not given" and put their own guess
            CapHeight=UNITS,
            StemV=80,
            FontFile2=pdf.make_indirect(Stream(pdf, font_program(distinct))),
        )
        descendant = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=Name(f"/{FONT_NAME}"),
            CIDSystemInfo=Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0),
            CIDToGIDMap=pdf.make_indirect(Stream(pdf, bytes(to_glyph))),
            DW=UNITS,
            W=Array([FIRST, Array([widths[code] for code in sorted(widths)])]),
            FontDescriptor=pdf.make_indirect(descriptor),
        )
        font[Name.Type] = Name.Font
        font[Name.Subtype] = Name.Type0
        font[Name.BaseFont] = Name(f"/{FONT_NAME}")
        font[Name.Encoding] = Name("/Identity-H")
        font[Name.DescendantFonts] = Array([pdf.make_indirect(descendant)])
        font[Name.ToUnicode] = pdf.make_indirect(Stream(pdf, to_unicode(self._codes)))


def printable(text: str) -> str:
    """The text with the replacement character for what no text layer can hold: control characters, lone surrogates."""
    return text.translate(_BAD)


def font_program(widths: list[int]) -> bytes:
    """A TrueType font whose glyph 1 + i has no area and is widths[i] wide."""
    from fontTools.fontBuilder import FontBuilder

    names = [".notdef", *(f"w{width}" for width in widths)]
    builder = FontBuilder(UNITS, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({})
    advances = dict(zip(names, [UNITS, *widths], strict=True))
    builder.setupGlyf({name: _line_glyph(width) for name, width in advances.items()})
    builder.setupHorizontalMetrics({name: (width, 0) for name, width in advances.items()})
    builder.setupHorizontalHeader(ascent=UNITS, descent=0)
    builder.setupPost(keepGlyphNames=False)
    font: Any = builder.font
    for table in ("cmap", "post"):  # a font inside of a PDF is not asked for them
        del font[table]
    font["head"].created = font["head"].modified = 0  # the same text gives the same bytes
    font.recalcTimestamp = False
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def _line_glyph(width: int) -> Any:
    """A contour out and back along one line: nothing to fill, but a box, without which PDFium drops sideways text."""
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((width, UNITS))
    pen.closePath()
    return pen.glyph()


def to_unicode(codes: dict[str, int]) -> bytes:
    """The CMap from codes to UTF-16, in groups of a hundred as the format limits them."""
    lines = [
        "/CIDInit /ProcSet findresource begin",
        "12 dict begin",
        "begincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        "/CMapName /Adobe-Identity-UCS def",
        "/CMapType 2 def",
        "1 begincodespacerange",
        "<0000> <FFFF>",
        "endcodespacerange",
    ]
    lines += ["1 beginbfrange", f"<{FIRST:04X}> <007E> <{FIRST:04X}>", "endbfrange"]
    rest = [(part, code) for part, code in codes.items() if code > 126]
    entries = [f"<{code:04X}> <{part.encode('utf-16-be').hex().upper()}>" for part, code in rest]
    for start in range(0, len(entries), 100):
        group = entries[start : start + 100]
        lines += [f"{len(group)} beginbfchar", *group, "endbfchar"]
    lines += ["endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"]
    return "\n".join(lines).encode() + b"\n"
