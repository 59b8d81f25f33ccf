"""Options of the text generator: what to write, how to draw it, how badly to treat it."""

from dataclasses import dataclass, field
from functools import cached_property

from inkline.errors import DataError
from inkline.training.synth.page_layouts import LAYOUTS


@dataclass(frozen=True)
class LineOptions:
    """What `lines` draws. Shares are probabilities 0..1; sizes are in pixels of the line image; sample i depends on
    (seed, i) only.

    words        word lists: files (`.txt`, `.dic`), or folders of `<language>.txt`; none = invented words
    latin_words  the same, for Latin words inside other scripts
    capitals     share of lines in capitals, in scripts that have them
    notes        share of lines that end in the small raised number of a note, "(3)"
    charset      the characters a label may hold, in any order; empty = any
    fonts        font files or folders; none = the fonts of the system
    """

    script: str = "latin"
    words: tuple[str, ...] = ()
    latin_words: tuple[str, ...] = ()
    charset: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()
    seed: int = 0
    min_chars: int = 1
    max_chars: int = 60
    height: tuple[int, int] = (20, 64)
    tokens: float = 0.25
    rare: float = 0.1
    latin: float = 0.05
    marks: float = 0.02
    notes: float = 0.0
    punctuation: float = 0.2
    capitals: float = 0.12
    scene: float = 0.25
    degrade: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.min_chars <= self.max_chars:
            raise DataError(
                f"lines of {self.min_chars} to {self.max_chars} characters cannot be drawn; use 1 <= min_chars <= max_chars"
            )
        if not 8 <= self.height[0] <= self.height[1]:
            raise DataError(f"lines {self.height[0]} to {self.height[1]} px high cannot be drawn; use 8 <= lowest <= highest")
        for name in ("tokens", "rare", "latin", "marks", "notes", "punctuation", "capitals", "scene", "degrade"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"{name}={getattr(self, name)} is no share; give a number between 0 and 1")

    @cached_property
    def allowed(self) -> frozenset[str]:
        """The charset as a set; empty when there is none."""
        return frozenset(self.charset)


@dataclass(frozen=True)
class PageOptions:
    """What `pages` draws: a page of lines with one quad each. `line` says what is written and with which fonts.

    width    page width in pixels, drawn between the two
    ratio    height / width, drawn between the two
    font     body text size in pixels per em, drawn between the two
    layouts  which of `layout.LAYOUTS` are drawn
    camera   share of pages that look photographed (perspective, shadow, curl); the others look scanned, printed or on
             screen
    """

    line: LineOptions = field(default_factory=LineOptions)
    width: tuple[int, int] = (600, 1200)
    ratio: tuple[float, float] = (0.6, 1.5)
    font: tuple[int, int] = (14, 40)
    layouts: tuple[str, ...] = ("paragraphs", "columns", "table", "form", "receipt", "scattered")
    camera: float = 0.3

    def __post_init__(self) -> None:
        unknown = [name for name in self.layouts if name not in LAYOUTS]
        if unknown or not self.layouts:
            raise DataError(f"no layout {', '.join(unknown) or '(none given)'}; there are {', '.join(LAYOUTS)}")
        if not (
            64 <= self.width[0] <= self.width[1] and 0 < self.ratio[0] <= self.ratio[1] and 6 <= self.font[0] <= self.font[1]
        ):
            raise DataError(f"pages of width {self.width}, ratio {self.ratio} and font {self.font} px cannot be drawn")
