"""Small pages to run over, drawn, and what a run made of them."""

import numpy as np
from PIL import Image


def drawn(number, side=40):
    """A grey image of its own."""
    return Image.fromarray(np.random.default_rng(number).integers(0, 255, (side, side + number % 7), np.uint8))


def draw_tiff(path, pages, first=0):
    images = [drawn(first + i) for i in range(pages)]
    images[0].save(path, save_all=True, append_images=images[1:])


def draw_pdf(path, pages, side=300):
    """A PDF with a grey square at another place on every page, written by hand, so that any number is quick."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    for i in range(pages):
        content = b"0.%d g %d %d 50 50 re f" % (i % 9, i % (side - 50), i % 97)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R >>" % (side, side, len(objects)))
    kids = b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(pages))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, kids)
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    path.write_bytes(out)


def results(folder):
    """Name -> content of all results, without the ledger's folder; nothing hidden lies about."""
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    kept = {name: path.read_bytes() for name, path in found.items() if not name.startswith(".inkline/")}
    assert not [name for name in kept if name.rpartition("/")[2].startswith(".")]
    return kept
