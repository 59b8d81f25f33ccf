"""Images to network inputs as numpy arrays, by the rules of inference: sizes, padding, normalisation, channel order."""

import logging
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from torch.utils.data import Dataset

from inkline.errors import DataError
from inkline.orientation.classifier import LINE_PART_HEIGHTS, full_contrast
from inkline.recognition.bidi import base_direction, visual_order
from inkline.training.data.augment_crops import (
    ClsAugment,
    RecAugment,
    augment_line,
    augment_turned,
    concatenate,
    turned,
)
from inkline.training.data.augment_pages import AnnotatedPage, DetAugment, augment_page
from inkline.training.data.encode import Alphabet, encode
from inkline.training.data.sample_sources import SampleIndex, SampleSource
from inkline.training.data.target_maps import MapOptions, db_maps, east_maps, sast_maps
from inkline.training.synth.draw_page import warped_page
from inkline.training.synth.synth_options import PageOptions

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


def imagenet(image: np.ndarray) -> np.ndarray:
    """(x/255 - mean) / std in the channel order of the image, float32 (3, H, W)."""
    return np.ascontiguousarray(((image.astype(np.float32) / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1))


def centred(image: np.ndarray) -> np.ndarray:
    """(x/255 - 0.5) / 0.5, float32 (C, H, W)."""
    return np.ascontiguousarray((image.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1))


def fit_line(image: np.ndarray, height: int, max_width: int, least: int = 1, width_scale: float = 1.0) -> np.ndarray:
    """Resize a line to `height` and `width_scale` of the width that keeps its shape, at most `max_width` and at least `least`
    pixels; bilinear.
    """
    width = int(np.ceil(image.shape[1] * height / image.shape[0] * width_scale))
    width = max(1, min(max_width, max(width, least)))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def to_gray(image: np.ndarray) -> np.ndarray:
    """BGR uint8 (H, W, 3) to (H, W, 1)."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None]


def resize_short_and_crop(image: np.ndarray, short: int, side: int) -> np.ndarray:
    """Resize the shorter side to `short` (bilinear) and cut the middle `side` x `side` out: what page classifiers see."""
    h, w = image.shape[:2]
    scale = short / min(h, w)
    image = cv2.resize(
        image, (max(side, round(w * scale)), max(side, round(h * scale))), interpolation=cv2.INTER_LINEAR
    )
    y, x = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[y : y + side, x : x + side]


REPLACEMENTS = 10  # samples tried in place of one that cannot be read
log = logging.getLogger(__name__)
Arrays = dict[str, Any]


@dataclass(frozen=True)
class DetOptions:
    """kind: db, east or sast. epochs: length of the training, over which a growing shrink ratio grows.

    seed: of augmentation.
    """

    kind: str = "db"
    augment: DetAugment = field(default_factory=DetAugment)
    maps: MapOptions = field(default_factory=MapOptions)
    epochs: int = 1
    seed: int = 0
    strict: bool = False


@dataclass(frozen=True)
class RecOptions:
    """What recognisers are fed.

    width        fixed width in pixels; 0: as wide as the batch's widest line
    max_width    wider lines are squeezed to this
    stretch      resize to (height, width) without keeping the shape (TPS nets, SRN)
    width_scale  share of its width at which a line is fed
    stride       pixels per output column: a line gets at least as many columns as CTC needs for its label; 0 = no such
                 rule
    visual       labels of right-to-left lines in the order seen from the left
    """

    alphabet: Alphabet
    encoders: tuple[str, ...] = ("ctc",)
    height: int = 48
    width: int = 0
    max_width: int = 3200
    stretch: bool = False
    width_scale: float = 1.0
    channels: int = 3
    stride: int = 8
    visual: bool = True
    augment: RecAugment = field(default_factory=RecAugment)
    seed: int = 0
    strict: bool = False


CLS_KINDS = ("line", "part", "page", "tile", "angle")


@dataclass(frozen=True)
class ClsOptions:
    """What classifiers are fed: `labels` in class order; sources of upright text get a drawn one.

    kind   line: resized straight to `size` (height, width), RGB, ImageNet; part: the same of a random part of long lines,
           at full contrast;
           page: shorter side to 8/7 of the size, middle cut out, RGB, ImageNet; tile: the same, of which nets see
           several a page; angle: the 2.x classifier, kept in shape and padded, BGR, (x/255 - 0.5)/0.5
    """

    labels: tuple[str, ...] = ("0", "180")
    kind: str = "line"
    size: tuple[int, int] = (80, 160)
    augment: ClsAugment = field(default_factory=ClsAugment)
    seed: int = 0
    strict: bool = False


def readable(source: SampleSource, at: SampleIndex, strict: bool) -> tuple[np.ndarray, Any, str]:
    """Return image, label and key of a sample; one that cannot be read is replaced by the next, unless `strict`."""
    for step in range(REPLACEMENTS):
        index = (at.number + step) % len(source)
        try:
            image, label = source.load(at.epoch, index)
            return image, label, source.key(at.epoch, index)
        except DataError as error:
            if strict:
                raise
            log.warning("%s; another sample takes its place", error)
    first = source.key(at.epoch, at.number)
    raise DataError(f"{first} and the {REPLACEMENTS - 1} samples after it cannot be read; check the data set")


class Detection(Dataset[Arrays]):
    """Crops of annotated pages with the target maps of DB, EAST or SAST."""

    def __init__(self, source: SampleSource, options: DetOptions) -> None:
        if options.kind not in ("db", "east", "sast"):
            raise DataError(f"no detection targets of the kind {options.kind!r}; there are db, east and sast")
        self.source, self.options = source, options

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, at: SampleIndex) -> Arrays:
        """image (3, H, W), the maps, and key."""
        options = self.options
        rng = np.random.default_rng((options.seed, at.epoch, at.number, 11))
        _, page, key = readable(self.source, at, options.strict)
        other = None
        if rng.random() < options.augment.paste:
            lender = at._replace(number=int(rng.random() * len(self.source)))
            other = readable(self.source, lender, options.strict)[1]
        cropped = augment_page(rng, page, other, replace(options.augment, paste=1.0))
        return {"image": imagenet(cropped.image), **self.targets(cropped, at.epoch), "key": key}

    def targets(self, page: AnnotatedPage, epoch: int) -> Arrays:
        """The target maps of a crop."""
        shape = page.image.shape[:2]
        if self.options.kind == "east":
            return east_maps(shape, page.polygons, page.ignore)
        if self.options.kind == "sast":
            return sast_maps(shape, page.polygons, page.ignore)
        return db_maps(shape, page.polygons, page.ignore, self.options.maps, epoch / max(1, self.options.epochs))


class Recognition(Dataset[Arrays]):
    """Text lines with their label ids."""

    def __init__(self, source: SampleSource, options: RecOptions) -> None:
        encode(options.alphabet, "", options.encoders)
        self.source, self.options = source, options

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, at: SampleIndex) -> Arrays:
        """image (C, H, w) not yet padded, text, length, key and an array of ids for each encoder."""
        options = self.options
        rng = np.random.default_rng((options.seed, at.epoch, at.number, 13))
        image, text, key = readable(self.source, at, options.strict)
        if rng.random() < options.augment.concat:
            image, text = self._joined(rng, image, text, at)
        image = augment_line(rng, image, options.augment)
        text = self.label(text)
        image = self.input(image, text, at.height or options.height)
        ids = encode(options.alphabet, text, options.encoders)
        return {"image": image, "text": text, "length": len(text), "key": key, **ids}

    def label(self, text: str) -> str:
        """The text as the net meets it."""
        return visual_order(text) if self.options.visual else text

    def _joined(
        self, rng: np.random.Generator, image: np.ndarray, text: str, at: SampleIndex
    ) -> tuple[np.ndarray, str]:
        """Join more lines to this one while they fit into the label and the width."""
        options = self.options
        images, texts = [image], [text]
        for _ in range(options.augment.concat_more):
            index = int(rng.random() * len(self.source))
            more, more_text, _ = readable(self.source, at._replace(number=index), options.strict)
            ratio = sum(i.shape[1] / i.shape[0] for i in (*images, more))
            if (
                ratio > options.augment.concat_ratio
                or sum(map(len, texts)) + len(more_text) > options.alphabet.max_text_length
            ):
                break
            images.append(more)
            texts.append(more_text)
        return concatenate(images, texts, base_direction(text) == "rtl")

    def input(self, image: np.ndarray, text: str, height: int) -> np.ndarray:
        """The network input of a line, float32 (C, H, w)."""
        options = self.options
        if options.stretch:
            image = cv2.resize(image, (options.width, height), interpolation=cv2.INTER_LINEAR)
        else:
            repeats = sum(a == b for a, b in pairwise(text))
            least = options.stride * (len(text) + repeats)
            image = fit_line(image, height, options.width or options.max_width, least, options.width_scale)
        return centred(to_gray(image) if options.channels == 1 else image)


class Classification(Dataset[Arrays]):
    """Images with the class of their turn; a source without classes (lines, pages) is turned by a drawn label."""

    def __init__(self, source: SampleSource, options: ClsOptions) -> None:
        if options.kind not in CLS_KINDS:
            raise DataError(
                f"no classifier input of the kind {options.kind!r}; there are {', '.join(CLS_KINDS[:-1])} and {CLS_KINDS[-1]}"
            )
        self.source, self.options = source, options

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, at: SampleIndex) -> Arrays:
        """image (3, H, W), label, key."""
        options = self.options
        rng = np.random.default_rng((options.seed, at.epoch, at.number, 17))
        image, label, key = readable(self.source, at, options.strict)
        if not isinstance(label, str) or label not in options.labels:
            label = options.labels[int(rng.random() * len(options.labels))]
            image = turned(image, label)
        if options.kind == "part":
            height, width = image.shape[:2]
            room = max(0, width - round(height * LINE_PART_HEIGHTS))
            image = image[:, (start := int(rng.random() * (room + 1))) : start + width - room]
        image = augment_turned(rng, image, options.augment)
        return {"image": self.input(image), "label": options.labels.index(label), "key": key}

    def input(self, image: np.ndarray) -> np.ndarray:
        """The network input, float32 (3, H, W)."""
        height, width = self.options.size
        if self.options.kind == "angle":
            fitted = centred(fit_line(image, height, width))
            return np.pad(fitted, ((0, 0), (0, 0), (0, width - fitted.shape[2])))
        if self.options.kind in ("page", "tile"):
            image = resize_short_and_crop(image, round(height * 8 / 7), height)
        else:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        if self.options.kind == "part":
            image = full_contrast(np.asarray(image))
        return imagenet(image[..., ::-1])


class Unwarping(Dataset[Arrays]):
    """Photographed synthetic pages with the mesh that flattens them."""

    def __init__(
        self, options: PageOptions, count: int, size: tuple[int, int] = (712, 488), grid: tuple[int, int] = (45, 31)
    ) -> None:
        self.options, self.count, self.size, self.grid = options, count, size, grid

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, at: SampleIndex) -> Arrays:
        """image (3, H, W), grid (2, h, w), key."""
        number = at.epoch * self.count + at.number
        seen, _, grid = warped_page(self.options, number, self.grid)
        seen = cv2.resize(seen, self.size[::-1], interpolation=cv2.INTER_AREA)
        image = np.ascontiguousarray(seen.astype(np.float32).transpose(2, 0, 1) / 255)
        key = f"synth:warp:{self.options.line.script}:{self.options.line.seed}:{number}"
        return {"image": image, "grid": np.ascontiguousarray(grid.transpose(2, 0, 1)), "key": key}
