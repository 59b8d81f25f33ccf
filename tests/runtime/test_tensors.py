"""Normalisation and contrast."""

import numpy as np
import pytest

from inkline.runtime.tensors import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    full_contrast,
    normalize_table,
    to_tensor,
)


def test_to_tensor_normalises_each_channel_in_the_order_of_the_image():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    table = normalize_table(IMAGENET_MEAN, IMAGENET_STD)
    out = np.full((3, 6, 9), 9, np.float32)
    to_tensor(image, table, out)
    expected = (image.astype(np.float64) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(out[:, :5, :7], expected.transpose(2, 0, 1), atol=1e-6)
    assert (out[:, 5:] == 9).all() and (out[:, :, 7:] == 9).all()
    to_tensor(image, table, out, rgb=True)
    np.testing.assert_allclose(
        out[:, :5, :7], ((image[..., ::-1] / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1), atol=1e-6
    )


def test_full_contrast_spreads_what_is_there_and_leaves_grain_alone():
    faint = np.tile(np.uint8([100, 110, 140]), (20, 1))[..., None].repeat(3, 2)
    assert [int(v) for v in full_contrast(faint)[0, :, 0]] == [0, 63, 255]
    assert full_contrast(faint)[..., 0].tolist() == full_contrast(faint + 40)[..., 0].tolist()
    print_ = np.uint8([[0, 128, 255]]).repeat(20, 0)[..., None].repeat(3, 2)
    assert np.array_equal(full_contrast(print_), print_)
    grain = np.uint8([[200, 203]]).repeat(20, 0)[..., None].repeat(3, 2)
    assert np.ptp(full_contrast(grain)) < 32 and full_contrast(grain).mean() == pytest.approx(127.5, abs=1)
