"""Arabic as the generator draws it, through the model that comes along, in the order in which text is stored."""

import numpy as np
import pytest

from inkline import Ocr
from inkline.training.synth.draw_line import draw_text
from inkline.training.synth.font_faces import families
from inkline.training.synth.scripts import script_of


@pytest.mark.slow
def test_arabic_is_read_in_stored_order(needs_script) -> None:
    needs_script("arabic")
    script, line = script_of("arabic"), "كتب الولد الدرس في البيت الكبير"
    face = next(f for group in families((), script) for f in group if "Naskh" in f.family or "DejaVu Sans" in f.family)
    ink = draw_text(face, line, 40, script)
    assert ink is not None
    image = np.full((200, ink.mask.shape[1] + 80, 3), 255, np.uint8)
    image[60 : 60 + ink.mask.shape[0], 40:-40] -= ink.mask[..., None]
    with Ocr(lang="ar", cpu_threads=1, return_word_box=True) as ocr:
        page = ocr(image)
    read = page.text.strip()
    assert sum(a == b for a, b in zip(read, line, strict=False)) > 0.8 * len(line), read
    places = [word.quad[0, 0] for word in page.lines[0].words]
    assert len(places) > 3 and places == sorted(places, reverse=True)
