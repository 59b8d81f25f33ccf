"""Recurrent decoders with attention: RARE's (its recogniser), and SAR's (guides the training of PP-OCRv3's recogniser).

RARE: Shi et al., "Robust Scene Text Recognition with Automatic Rectification" (arXiv:1603.03915), one character after
the other, each looking at the whole line; additive attention after Bahdanau et al. (arXiv:1409.0473).
SAR: Li et al., "Show, Attend and Read" (arXiv:1811.00751), recurrent attention over the two-dimensional feature map.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.contracts import Head, Layer, TensorMap

MAX_TOKENS = 25  # longest text, its end token included
SAR_WIDTH = 512

# --- RARE ---


class GRUStep(Layer):
    """One step of a gated recurrent unit (Cho et al. 2014): x (N, in), state (N, hidden) -> state (N, hidden).

    Written out, because ONNX exporters lack PyTorch's fused cell. Rows of the weights: reset, update, candidate; the
    reset gate acts after the hidden product.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        bound = hidden**-0.5
        self.weight_ih = nn.Parameter(torch.empty(3 * hidden, inputs).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(3 * hidden, hidden).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(3 * hidden).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(3 * hidden).uniform_(-bound, bound))

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        # all three gates of both products at once
        reset_x, update_x, candidate_x = F.linear(x, self.weight_ih, self.bias_ih).chunk(3, 1)
        reset_h, update_h, candidate_h = F.linear(state, self.weight_hh, self.bias_hh).chunk(3, 1)
        reset = torch.sigmoid(reset_x + reset_h)
        update = torch.sigmoid(update_x + update_h)
        candidate = torch.tanh(candidate_x + reset * candidate_h)
        return update * state + (1 - update) * candidate


class AttentionCell(Layer):
    """One decoding step: state (N, hidden), features (N, T, C), one-hot previous token (N, classes) -> new state."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.i2h: TensorMap = nn.Linear(inputs, hidden, bias=False)
        self.h2h = nn.Linear(hidden, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.rnn = GRUStep(inputs + classes, hidden)

    def forward(self, state: Tensor, features: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        """`keys` (N, T, hidden) is i2h(features), which is the same at every step."""
        scores = self.score(torch.tanh(keys + self.h2h(state).unsqueeze(1)))
        context = (torch.softmax(scores, 1) * features).sum(1)
        return self.rnn(torch.cat([context, previous], 1), state)


class RareHead(Head):
    """(N, T, C) -> (N, 25, classes): class 0 starts a text, the last class ends it, the characters lie between.

    Inference is greedy for 25 steps, whatever comes out (text ends at the first end token), so an exported graph is
    these steps unrolled. Training feeds the true tokens (teacher forcing).
    """

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.classes = classes
        self.attention_cell = AttentionCell(inputs, hidden, classes)
        self.generator: TensorMap = nn.Linear(hidden, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Probabilities (N, 25, classes) of greedy decoding."""
        keys = self.attention_cell.i2h(features)
        state = features.new_zeros(features.shape[0], self.hidden)
        tokens = torch.zeros_like(features[:, 0, 0], dtype=torch.int64)  # the start token
        steps = []
        for _ in range(MAX_TOKENS):
            state = self.attention_cell(state, features, keys, self._one_hot(tokens, features))
            logits = self.generator(state)
            tokens = logits.argmax(1)
            steps.append(torch.softmax(logits, 1))
        return torch.stack(steps, 1)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`targets["attention"]` (N, >= 25) int64, the start token first -> `attention_logits` (N, 25, classes)."""
        tokens = targets["attention"]
        keys = self.attention_cell.i2h(features)
        state = features.new_zeros(features.shape[0], self.hidden)
        states = []
        for step in range(MAX_TOKENS):
            state = self.attention_cell(state, features, keys, self._one_hot(tokens[:, step], features))
            states.append(state)
        return {"attention_logits": self.generator(torch.stack(states, 1))}

    def _one_hot(self, tokens: Tensor, like: Tensor) -> Tensor:
        return F.one_hot(tokens, self.classes).to(like.dtype)


# --- SAR ---


def _text_columns(ratio: Tensor, width: int) -> Tensor:
    """How many of `width` columns hold text, int64 (N,), when text fills `ratio` (N,) float32 of the image.

    In float32, as the reference: 0.6 of 20 columns is 12, not the 13 that exact arithmetic on float32 0.6 gives.
    """
    return torch.ceil(width * ratio).long().clamp(max=width)


class SAREncoder(Layer):
    """The line as one vector: (N, C, H, W) -> (N, 512).

    Maximum over the height, two LSTM layers, and the state at the last column that holds text.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.rnn_encoder = nn.LSTM(inputs, SAR_WIDTH, num_layers=2, batch_first=True)
        self.linear: TensorMap = nn.Linear(SAR_WIDTH, SAR_WIDTH)

    def forward(self, features: Tensor, valid_ratio: Tensor | None = None) -> Tensor:
        columns = self.rnn_encoder(features.amax(2).transpose(1, 2))[0]
        if valid_ratio is None:
            last = columns[:, -1]
        else:
            steps = _text_columns(valid_ratio, columns.shape[1]) - 1
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
        self.conv1x1_1 = nn.Linear(SAR_WIDTH, SAR_WIDTH)  # query
        self.conv3x3_1 = nn.Conv2d(inputs, SAR_WIDTH, 3, padding=1)  # key
        self.conv1x1_2 = nn.Linear(SAR_WIDTH, 1)  # score
        self.rnn_decoder = nn.LSTM(SAR_WIDTH, SAR_WIDTH, num_layers=2, batch_first=True)
        self.embedding = nn.Embedding(classes, SAR_WIDTH, padding_idx=self.padding)
        self.prediction: TensorMap = nn.Linear(SAR_WIDTH + inputs + SAR_WIDTH, classes - 1)

    def embed(self, tokens: Tensor) -> Tensor:
        """(...,) int64 -> (..., 512); zeros for padding, whatever its stored row holds."""
        embedded: Tensor = self.embedding(tokens)
        return embedded * (tokens != self.padding).unsqueeze(-1)

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


class SARHead(Head):
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
        state: tuple[Tensor, Tensor] = decoder.rnn_decoder(line.unsqueeze(1))[1]
        tokens = torch.full_like(line[:, 0], decoder.start, dtype=torch.int64)
        steps = []
        for _ in range(MAX_TOKENS):
            y, state = decoder.rnn_decoder(decoder.embed(tokens).unsqueeze(1), state)
            logits = decoder.logits(y, decoder.attend(y, features, keys, None), line)[:, 0]
            tokens = logits.argmax(1)
            steps.append(F.softmax(logits, 1))
        return torch.stack(steps, 1)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`targets`: `sar` (N, L) int64, start token first; `valid_ratio` (N,) -> `sar_logits` (N, L, classes - 1)."""
        decoder = self.decoder
        ratio = targets.get("valid_ratio")
        # the line vector and the true tokens through the decoder at once
        line = self.encoder(features, ratio)
        inputs = torch.cat([line.unsqueeze(1), decoder.embed(targets["sar"])], 1)
        states = decoder.rnn_decoder(inputs)[0]
        # attention for all steps, blind to the columns behind the text
        mask = None if ratio is None else self._no_text(ratio, features)
        glimpses = decoder.attend(states, features, decoder.conv3x3_1(features), mask)
        return {"sar_logits": decoder.logits(states, glimpses, line)[:, 1:]}

    @staticmethod
    def _no_text(ratio: Tensor, features: Tensor) -> Tensor:
        """(N, W) bool: columns right of the text."""
        width = features.shape[3]
        return torch.arange(width, device=features.device)[None] >= _text_columns(ratio, width)[:, None]
