"""Attention decoder of RARE: one character after the other, each looking at the whole line.

Paper: Shi et al., "Robust Scene Text Recognition with Automatic Rectification" (arXiv:1603.03915); additive attention
after Bahdanau et al. (arXiv:1409.0473).
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEPS = 25  # longest text, its end token included


class GRUStep(nn.Module):
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
        reset_x, update_x, candidate_x = F.linear(x, self.weight_ih, self.bias_ih).chunk(3, 1)
        reset_h, update_h, candidate_h = F.linear(state, self.weight_hh, self.bias_hh).chunk(3, 1)
        reset = torch.sigmoid(reset_x + reset_h)
        update = torch.sigmoid(update_x + update_h)
        candidate = torch.tanh(candidate_x + reset * candidate_h)
        return update * state + (1 - update) * candidate


class AttentionCell(nn.Module):
    """One decoding step: state (N, hidden), features (N, T, C), one-hot previous token (N, classes) -> new state."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.i2h = nn.Linear(inputs, hidden, bias=False)
        self.h2h = nn.Linear(hidden, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.rnn = GRUStep(inputs + classes, hidden)

    def forward(self, state: Tensor, features: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        """`keys` (N, T, hidden) is i2h(features), which is the same at every step."""
        scores = self.score(torch.tanh(keys + self.h2h(state).unsqueeze(1)))
        context = (torch.softmax(scores, 1) * features).sum(1)
        return self.rnn(torch.cat([context, previous], 1), state)


class AttentionHead(nn.Module):
    """(N, T, C) -> (N, 25, classes): class 0 starts a text, the last class ends it, the characters lie between.

    Inference is greedy for 25 steps, whatever comes out (text ends at the first end token), so an exported graph is
    these steps unrolled. Training feeds the true tokens (teacher forcing).
    """

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.classes = classes
        self.attention_cell = AttentionCell(inputs, hidden, classes)
        self.generator = nn.Linear(hidden, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Probabilities (N, 25, classes) of greedy decoding."""
        keys = self.attention_cell.i2h(features)
        state = features.new_zeros(features.shape[0], self.hidden)
        tokens = torch.zeros_like(features[:, 0, 0], dtype=torch.int64)
        steps = []
        for _ in range(STEPS):
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
        for step in range(STEPS):
            state = self.attention_cell(state, features, keys, self._one_hot(tokens[:, step], features))
            states.append(state)
        return {"attention_logits": self.generator(torch.stack(states, 1))}

    def _one_hot(self, tokens: Tensor, like: Tensor) -> Tensor:
        return F.one_hot(tokens, self.classes).to(like.dtype)
