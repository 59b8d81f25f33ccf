"""Torch data sets of every task: a `SampleIndex` in, the arrays of one sample out, as inference would feed the net.

They hold no state, so any worker makes any sample.
"""

import logging
from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from torch.utils.data import Dataset

from inkline.errors import DataError
from inkline.orientation.classifier import LINE_PART_HEIGHTS, full_contrast
from inkline.recognition import router
from inkline.recognition.bidi import base_direction, visual_order
from inkline.recognition.vowel_order import seen_order
from inkline.scripts import SCRIPTS, script_of
from inkline.training.config import Config
from inkline.training.data.augment_crops import augment_line, augment_turned, concatenate, turned
from inkline.training.data.augment_pages import AnnotatedPage, augment_page
from inkline.training.data.encode import Alphabet, encode
from inkline.training.data.sample_sources import SampleIndex, SampleSource
from inkline.training.data.target_maps import db_maps, east_maps, sast_maps
from inkline.training.synth.draw_page import warped_page
from inkline.training.synth.synth_options import PageOptions

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
DET_KINDS = ("db", "east", "sast")
CLS_KINDS = ("line", "part", "page", "tile", "angle", "script")
UNWARP_INPUT = (712, 488)  # height, width
MAX_READ_TRIES = 10  # samples tried, the following ones in place of one that cannot be read
Arrays = dict[str, Any]
log = logging.getLogger(__name__)


def imagenet(image: np.ndarray) -> np.ndarray:
    """(x/255 - mean) / std in the channel order of the image, float32 (3, H, W)."""
    return np.ascontiguousarray(((image.astype(np.float32) / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1))


def centred(image: np.ndarray) -> np.ndarray:
    """(x/255 - 0.5) / 0.5, float32 (C, H, W)."""
    return np.ascontiguousarray((image.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1))


def fit_line(image: np.ndarray, height: int, max_width: int, min_width: int = 1, width_scale: float = 1.0) -> np.ndarray:
    """Resize a line to `height` and `width_scale` of the width that keeps its shape, within the limits; bilinear."""
    width = int(np.ceil(image.shape[1] * height / image.shape[0] * width_scale))
    width = max(1, min(max_width, max(width, min_width)))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def resize_short_and_crop(image: np.ndarray, short: int, side: int) -> np.ndarray:
    """Resize the shorter side to `short` (bilinear) and cut the middle `side` x `side` out: what page classifiers see."""
    h, w = image.shape[:2]
    scale = short / min(h, w)
    size = max(side, round(w * scale)), max(side, round(h * scale))
    image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    y, x = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[y : y + side, x : x + side]


def readable(source: SampleSource, at: SampleIndex, strict: bool) -> tuple[np.ndarray, Any, str]:
    """Image, label and key of a sample; one that cannot be read is replaced by the next, unless `strict`."""
    for step in range(MAX_READ_TRIES):
        index = (at.number + step) % len(source)
        try:
            image, label = source.load(at.epoch, index)
            return image, label, source.key(at.epoch, index)
        except DataError as error:
            if strict:
                raise
            log.warning("%s; another sample takes its place", error)
    first = source.key(at.epoch, at.number)
    raise DataError(f"{first} and the {MAX_READ_TRIES - 1} samples after it cannot be read; check the data set")


class SourceDataset(Dataset[Arrays]):
    """Samples of a source, made as a configuration says."""

    def __init__(self, source: SampleSource, config: Config) -> None:
        self.source, self.config = source, config

    def __len__(self) -> int:
        return len(self.source)


class Detection(SourceDataset):
    """Crops of annotated pages with the target maps of DB, EAST or SAST."""

    def __init__(self, source: SampleSource, config: Config) -> None:
        super().__init__(source, config)
        self.kind = config.data.kind or "db"
        if self.kind not in DET_KINDS:
            raise DataError(f"no detection targets of the kind {self.kind!r}; there are db, east and sast")

    def __getitem__(self, at: SampleIndex) -> Arrays:
        """image (3, H, W), the maps, and key."""
        strict, recipe = self.config.data.strict, self.config.augment.det
        rng = np.random.default_rng((self.config.run.seed, at.epoch, at.number, 11))
        _, page, key = readable(self.source, at, strict)
        other = None
        if rng.random() < recipe.paste:
            lender = at._replace(number=int(rng.random() * len(self.source)))
            other = readable(self.source, lender, strict)[1]
        cropped = augment_page(rng, page, other, replace(recipe, paste=1.0))
        return {"image": imagenet(cropped.image), **self.targets(cropped, at.epoch), "key": key}

    def targets(self, page: AnnotatedPage, epoch: int) -> Arrays:
        """The target maps of a crop."""
        shape = page.image.shape[:2]
        if self.kind == "east":
            return east_maps(shape, page.polygons, page.ignore)
        if self.kind == "sast":
            return sast_maps(shape, page.polygons, page.ignore)
        progress = epoch / max(1, self.config.run.epochs)
        return db_maps(shape, page.polygons, page.ignore, self.config.augment.maps, progress)


class Recognition(SourceDataset):
    """Text lines with their label ids, for each of the `encoders`; those from index `old_from` on are replayed, where given."""

    def __init__(
        self,
        source: SampleSource,
        config: Config,
        alphabet: Alphabet,
        encoders: tuple[str, ...] = ("ctc",),
        old_from: int | None = None,
    ) -> None:
        super().__init__(source, config)
        self.old_from = old_from
        encode(alphabet, "", encoders)  # refuses unknown encoders
        self.alphabet, self.encoders = alphabet, encoders

    def __getitem__(self, at: SampleIndex) -> Arrays:
        """image (C, H, w) not yet padded, text, length, key and an array of ids for each encoder."""
        config = self.config
        rng = np.random.default_rng((config.run.seed, at.epoch, at.number, 13))
        image, text, key = readable(self.source, at, config.data.strict)
        if rng.random() < config.augment.rec.concat:
            image, text = self._joined(rng, image, text, at)
        image = augment_line(rng, image, config.augment.rec)
        # labels are in logical order; a net sees the letters from the left
        text = visual_order(text)
        if config.data.label_order == "seen":
            text = seen_order(text)
        image = self.input(image, text, at.height or config.data.height)
        ids = encode(self.alphabet, text, self.encoders)
        old = {} if self.old_from is None else {"old": int(at.number >= self.old_from)}
        return {"image": image, "text": text, "length": len(text), "key": key, **ids, **old}

    def _joined(self, rng: np.random.Generator, image: np.ndarray, text: str, at: SampleIndex) -> tuple[np.ndarray, str]:
        """Join more lines to this one while they fit into the label and the width."""
        recipe = self.config.augment.rec
        images, texts = [image], [text]
        for _ in range(recipe.concat_more):
            index = int(rng.random() * len(self.source))
            more, more_text, _ = readable(self.source, at._replace(number=index), self.config.data.strict)
            ratio = sum(i.shape[1] / i.shape[0] for i in (*images, more))
            length = sum(map(len, texts)) + len(more_text)
            if ratio > recipe.concat_ratio or length > self.alphabet.max_text_length:
                break
            images.append(more)
            texts.append(more_text)
        return concatenate(images, texts, base_direction(text) == "rtl")

    def input(self, image: np.ndarray, text: str, height: int) -> np.ndarray:
        """The network input of a line, float32 (C, H, w)."""
        data = self.config.data
        if data.stretch:
            return centred(cv2.resize(image, (data.width, height), interpolation=cv2.INTER_LINEAR))
        # CTC needs a column for each character, and one between equal ones
        columns = len(text) + sum(a == b for a, b in pairwise(text))
        min_width = data.stride * columns if "ctc" in self.encoders else 0
        return centred(fit_line(image, height, data.width or data.max_width, min_width, data.width_scale))


def class_labels(config: Config) -> tuple[str, ...]:
    """The classes of a classifier: degrees, or scripts."""
    return tuple(SCRIPTS) if config.data.kind == "script" else tuple(map(str, config.model.labels))


class Classification(SourceDataset):
    """Images with the class of their turn; a source without classes (lines, pages) is turned by a drawn label.

    The kinds of input (`data.kind`): line: resized straight to the net's size, RGB, ImageNet; part: the same of a random
    part of long lines, at full contrast; page: shorter side to 8/7 of the size, middle cut out, RGB, ImageNet; tile: the
    same, of which nets see several per page; angle: the 2.x classifier, kept in shape and padded, BGR, (x/255 - 0.5)/0.5;
    script: a part of a line as the router sees it, whose class is the script of its text.
    """

    def __init__(self, source: SampleSource, config: Config) -> None:
        super().__init__(source, config)
        self.kind, self.labels = config.data.kind or "line", class_labels(config)
        if self.kind not in CLS_KINDS:
            known = f"{', '.join(CLS_KINDS[:-1])} and {CLS_KINDS[-1]}"
            raise DataError(f"no classifier input of the kind {self.kind!r}; there are {known}")

    def __getitem__(self, at: SampleIndex) -> Arrays:
        """image (3, H, W), label, key."""
        rng = np.random.default_rng((self.config.run.seed, at.epoch, at.number, 17))
        image, label, key = readable(self.source, at, self.config.data.strict)
        if self.kind == "script":
            label = script_of(label)
        elif not isinstance(label, str) or label not in self.labels:
            label = self.labels[int(rng.random() * len(self.labels))]
            image = turned(image, label)
        if self.kind in ("part", "script"):
            heights = LINE_PART_HEIGHTS if self.kind == "part" else router.WIDTH_PX / router.HEIGHT_PX
            height, width = image.shape[:2]
            room = max(0, width - round(height * heights))
            start = int(rng.random() * (room + 1))
            image = image[:, start : start + width - room]
        image = augment_turned(rng, image, self.config.augment.cls)
        return {"image": self.input(image), "label": self.labels.index(label), "key": key}

    def input(self, image: np.ndarray) -> np.ndarray:
        """The network input, float32 (3, H, W)."""
        height, width = self.config.data.height, self.config.data.width
        if self.kind == "script":
            return router.net_input(image)
        if self.kind == "angle":
            fitted = centred(fit_line(image, height, width))
            return np.pad(fitted, ((0, 0), (0, 0), (0, width - fitted.shape[2])))
        if self.kind in ("page", "tile"):
            image = resize_short_and_crop(image, round(height * 8 / 7), height)
        else:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        if self.kind == "part":
            image = full_contrast(np.asarray(image))
        return imagenet(image[..., ::-1])


class Unwarping(Dataset[Arrays]):
    """Photographed synthetic pages with the mesh that flattens them."""

    def __init__(self, options: PageOptions, count: int) -> None:
        self.options, self.count = options, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, at: SampleIndex) -> Arrays:
        """image (3, H, W), grid (2, h, w), key."""
        number = at.epoch * self.count + at.number
        seen, _, grid = warped_page(self.options, number)
        seen = cv2.resize(seen, UNWARP_INPUT[::-1], interpolation=cv2.INTER_AREA)
        image = np.ascontiguousarray(seen.astype(np.float32).transpose(2, 0, 1) / 255)
        key = f"synth:warp:{self.options.line.script}:{self.options.line.seed}:{number}"
        return {"image": image, "grid": np.ascontiguousarray(grid.transpose(2, 0, 1)), "key": key}
