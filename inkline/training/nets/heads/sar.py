"""SAR decoder: recurrent attention over the two-dimensional feature map; guides the training of PP-OCRv3's recogniser.

Paper: Li et al., "Show, Attend and Read" (arXiv:1811.00751).
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEPS = 25
HIDDEN = 512

State = tuple[Tensor, Tensor]


def _columns(ratio: Tensor, width: int) -> Tensor:
    """How many of `width` columns hold text, int64 (N,), when text fills `ratio` (N,) float32 of the image.

    In float32, as the reference: 0.6 of 20 columns is 12, not the 13 that exact arithmetic on float32 0.6 gives.
    """
    return torch.ceil(width * ratio).long().clamp(max=width)


class SAREncoder(nn.Module):
    """The line as one vector: (N, C, H, W) -> (N, 512).

    Maximum over the height, two LSTM layers, and the state at the last column that holds text.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.rnn_encoder = nn.LSTM(inputs, HIDDEN, num_layers=2, batch_first=True)
        self.linear = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, features: Tensor, valid_ratio: Tensor | None = None) -> Tensor:
        columns = self.rnn_encoder(features.amax(2).transpose(1, 2))[0]
        if valid_ratio is None:
            last = columns[:, -1]
        else:
            steps = _columns(valid_ratio, columns.shape[1]) - 1
            last = columns[torch.arange(columns.shape[0], device=columns.device), steps]
        return self.linear(last)


class SARDecoder(nn.Module):
    """Two LSTM layers over [line vector, start, characters...], each step with attention over all H x W cells.

    Ids: the characters from 0 on, classes-3 unknown, classes-2 starts and ends a text, classes-1 pads and is never
    predicted: logits have classes-1 entries.
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.start, self.padding = classes - 2, classes - 1
        self.conv1x1_1 = nn.Linear(HIDDEN, HIDDEN)  # query
        self.conv3x3_1 = nn.Conv2d(inputs, HIDDEN, 3, padding=1)  # key
        self.conv1x1_2 = nn.Linear(HIDDEN, 1)  # score
        self.rnn_decoder = nn.LSTM(HIDDEN, HIDDEN, num_layers=2, batch_first=True)
        self.embedding = nn.Embedding(classes, HIDDEN, padding_idx=self.padding)
        self.prediction = nn.Linear(HIDDEN + inputs + HIDDEN, classes - 1)

    def embed(self, tokens: Tensor) -> Tensor:
        """(...,) int64 -> (..., 512); zeros for padding, whatever its stored row holds."""
        return self.embedding(tokens) * (tokens != self.padding).unsqueeze(-1)

    def attend(self, states: Tensor, features: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
        """Queries (N, T, 512) over the cells of (N, C, H, W) -> glimpses (N, T, C). True in mask (N, W): no text."""
        query = self.conv1x1_1(states)[:, :, :, None, None]
        scores = self.conv1x1_2(torch.tanh(keys.unsqueeze(1) + query).movedim(2, -1)).squeeze(-1)
        if mask is not None:
            scores = scores.masked_fill(mask[:, None, None, :], float("-inf"))
        weights = torch.softmax(scores.flatten(2), -1)
        return weights @ features.flatten(2).transpose(1, 2)

    def logits(self, states: Tensor, glimpses: Tensor, line: Tensor) -> Tensor:
        """(N, T, classes - 1) from LSTM states, glimpses and the line vector (N, 512)."""
        line = line.unsqueeze(1).expand(-1, states.shape[1], -1)
        return self.prediction(torch.cat([states, glimpses, line], 2))


class SARHead(nn.Module):
    """(N, C, H, W) -> probabilities (N, 25, classes - 1) by greedy decoding; `classes` counts start/end and padding."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.encoder = SAREncoder(inputs)
        self.decoder = SARDecoder(inputs, classes)

    def forward(self, features: Tensor) -> Tensor:
        decoder = self.decoder
        line = self.encoder(features)
        keys = decoder.conv3x3_1(features)
        # the line vector comes first; what it predicts is dropped
        state: State = decoder.rnn_decoder(line.unsqueeze(1))[1]
        tokens = torch.full_like(line[:, 0], decoder.start, dtype=torch.int64)
        steps = []
        for _ in range(STEPS):
            y, state = decoder.rnn_decoder(decoder.embed(tokens).unsqueeze(1), state)
            logits = decoder.logits(y, decoder.attend(y, features, keys, None), line)[:, 0]
            tokens = logits.argmax(1)
            steps.append(F.softmax(logits, 1))
        return torch.stack(steps, 1)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`targets`: `sar` (N, L) int64, start token first; `valid_ratio` (N,) -> `sar_logits` (N, L, classes - 1)."""
        decoder = self.decoder
        ratio = targets.get("valid_ratio")
        line = self.encoder(features, ratio)
        inputs = torch.cat([line.unsqueeze(1), decoder.embed(targets["sar"])], 1)
        states = decoder.rnn_decoder(inputs)[0]
        mask = None if ratio is None else self._no_text(ratio, features)
        glimpses = decoder.attend(states, features, decoder.conv3x3_1(features), mask)
        return {"sar_logits": decoder.logits(states, glimpses, line)[:, 1:]}

    @staticmethod
    def _no_text(ratio: Tensor, features: Tensor) -> Tensor:
        """(N, W) bool: columns right of the text."""
        width = features.shape[3]
        return torch.arange(width, device=features.device)[None] >= _columns(ratio, width)[:, None]
