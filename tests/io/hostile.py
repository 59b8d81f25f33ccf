"""Small files that keep a decoder busy for ever, or make it take memory without end, written by hand."""

import zlib


def pdf(objects: list[bytes]) -> bytes:
    """A PDF of objects numbered from 2, the pages first; number 1 is the catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate([b"<< /Type /Catalog /Pages 2 0 R >>", *objects], 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start))


def stream(body: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(body), body)


def nested_forms(depth: int = 10) -> bytes:
    """Two pages: the first draws a form that draws another ten times, and so on; the second is empty."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] %s >>"
    objects = [
        b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
        page % b"/Contents 5 0 R /Resources << /XObject << /F 6 0 R >> >>",
        page % b"",
        stream(b"/F Do"),
    ]
    for number in range(7, 6 + depth):
        inner = b"/Subtype /Form /BBox [0 0 99 99] /Resources << /XObject << /F %d 0 R >> >>" % number
        objects.append(stream(b"/F Do " * 10, inner))
    return pdf([*objects, stream(b"0 0 9 9 re f", b"/Subtype /Form /BBox [0 0 99 99]")])


def tiling_pattern() -> bytes:
    """A page filled with a pattern of tiles of a hundredth of a thousandth of a point."""
    pattern = b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.00001 /YStep 0.00001 /Resources << >>"
    return pdf(
        [
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 999 999] /Contents 4 0 R /Resources << /Pattern << /P 5 0 R >> >> >>",
            stream(b"/Pattern cs /P scn 0 0 999 999 re f"),
            stream(b"0 0 1 1 re f", pattern),
        ]
    )


def packed_spaces(count: int) -> bytes:
    """A page whose content is nothing but spaces, a thousandth of them in the file."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(b" " * 1_000_000) for _ in range(count // 1_000_000)) + packer.flush()
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R >>"
    return pdf([b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, stream(packed, b"/Filter /FlateDecode")])
