"""Vowel signs that stand left of their letter though they are stored behind it: as stored, and as seen from the left.

Of Bengali, Gurmukhi, Gujarati, Malayalam, Sinhala, Burmese and Khmer (The Unicode Standard, chapters 12, 13 and 16). A net
reads from the left; taught labels in the order in which it sees them (`data.label_order: seen`) it need not remember a sign
until the next letter has ended. A sign in two parts, one on either side, becomes its left part and what is right of the letter.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from inkline.types import Text


class _Block:
    """The rules of one script."""

    def __init__(self, cluster: str, left: str, parts: Mapping[str, str], others: str = "") -> None:
        """cluster: a regular expression of the letters that one sign belongs to; left: signs on the left only; parts: the
        signs in two parts, each with both; others: signs in two parts that Unicode takes apart itself."""
        apart = {sign: unicodedata.normalize("NFD", sign) for sign in others}
        self.parts = {**{sign: sign for sign in left}, **parts, **apart}
        self.signs = {seen: sign for sign, seen in self.parts.items()}
        rights = sorted({seen[1:] for seen in self.signs if len(seen) > 1}, key=len, reverse=True)
        self.stored = re.compile(f"({cluster})([{''.join(self.parts)}])")
        self.seen = re.compile(f"([{''.join({seen[0] for seen in self.signs})}])({cluster})({'|'.join(rights)})?")


_BLOCKS = (
    _Block("(?:[ক-হৰৱ]়?)(?:্[ক-হৰৱ]়?)*", "িেৈ", {}, "োৌ"),
    _Block("(?:[ਕ-ਹੲ]਼?)(?:੍[ਕ-ਹ]਼?)*", "ਿ", {}),
    _Block("(?:[ક-હ]઼?)(?:્[ક-હ]઼?)*", "િ", {}),
    _Block("[ക-ഺ](?:്[ക-ഺ])*", "െേൈ", {}, "ൊോൌ"),
    _Block("[ක-ෆ](?:්\u200d[ක-ෆ])*", "ෙෛ", {"ෞ": "ෙෞ"}, "ේොෝ"),
    _Block("(?:င်္)?[က-အ](?:္[က-အ])*[ျ-ှ]*", "ေ", {}),
    _Block("(?:[ក-អ][៉៊៌]*)(?:្[ក-អ][៉៊៌]*)*", "េែៃ", {"ោ": "េា", "ើ": "េើ", "ឿ": "េឿ", "ៀ": "េៀ", "ៅ": "េៅ"}),
)


def seen_order(text: str) -> str:
    """The characters of a line with each vowel sign where it is seen: `কি` becomes `িক`, `কো` becomes `েকা`."""
    for block in _BLOCKS:
        text = block.stored.sub(partial(_apart, block), text)
    return text


def _apart(block: _Block, found: re.Match[str]) -> str:
    """A cluster and its sign as they are seen."""
    seen = block.parts[found[2]]
    return f"{seen[0]}{found[1]}{seen[1:]}"


def stored_vowels(seen: Text) -> Text:
    """What a recogniser saw from left to right, with each vowel sign where it is stored; of a sign in two parts the place and
    the score of the less sure one count."""
    for block in _BLOCKS:
        if block.seen.search(seen.text):
            text, order = _stored(block, seen.text, seen.char_scores.tolist())
            scores, spans, evidence = (values[order] for values in (seen.char_scores, seen.char_spans, seen.evidence))
            plain = _stored(block, seen.plain, [])[0]
            seen = replace(seen, text=text, plain=plain, char_scores=scores, char_spans=spans, evidence=evidence)
    return seen


def _stored(block: _Block, seen: str, scores: Sequence[float]) -> tuple[str, list[int]]:
    """The stored order, and which character of the seen one each of its characters is. scores: of the characters, or none."""
    text, order, done = "", [], 0
    for found in block.seen.finditer(seen):
        # A right part that does not belong to this left one stays where it is.
        behind = found.end(2)
        end = found.end() if found[1] + (found[3] or "") in block.signs else behind
        parts = [found.start(1), *range(behind, end)]
        text += seen[done : found.start()] + found[2] + block.signs[found[1] + seen[behind:end]]
        order += [*range(done, found.start()), *range(*found.span(2))]
        order.append(min(parts, key=scores.__getitem__) if scores else parts[0])
        done = end
    return text + seen[done:], [*order, *range(done, len(seen))]
