"""Normalisation."""

import numpy as np

from inkline.runtime.tensors import IMAGENET_MEAN, IMAGENET_STD, normalize_table, to_tensor


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
