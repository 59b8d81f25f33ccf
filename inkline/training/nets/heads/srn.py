"""SRN: reads all characters of a word at once, then corrects them by what usually stands beside what.

Paper: Yu et al., "Towards Accurate Scene Text Recognition with Semantic Reasoning Networks" (arXiv:2003.12294): PVAM
(one attention glimpse per character position), GSRM (the word read from the left and from the right), VSFD (a gate
between what was seen and what was inferred).
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEPS = 25
WIDTH = 512
HEADS = 8
CELLS = 8 * 32  # of the feature map of a 64 x 256 image; the learned positions fix this size
KEEP = 0.9  # one minus the dropout of training, see `Dropout`


class Dropout(nn.Module):
    """Dropout that does not rescale in training and multiplies by 0.9 in inference; any shape.

    Published SRN weights expect it at every place where this module stands.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 1 - KEEP, self.training) * KEEP


class SelfAttention(nn.Module):
    """Multi-head self-attention without biases: (N, T, 512) -> same; `bias` (T, T) is added to the scores.

    Unusual: scores are scaled by the root of the whole width, 512, and not of a head's 64.
    """

    def __init__(self) -> None:
        super().__init__()
        self.q_fc = nn.Linear(WIDTH, WIDTH, bias=False)
        self.k_fc = nn.Linear(WIDTH, WIDTH, bias=False)
        self.v_fc = nn.Linear(WIDTH, WIDTH, bias=False)
        self.proj_fc = nn.Linear(WIDTH, WIDTH, bias=False)
        self.dropout = Dropout()

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        query, key, value = (
            fc(x).reshape(x.shape[0], -1, HEADS, WIDTH // HEADS).transpose(1, 2)
            for fc in (self.q_fc, self.k_fc, self.v_fc)
        )
        scores = (query * WIDTH**-0.5) @ key.transpose(2, 3)
        if bias is not None:
            scores = scores + bias
        mixed = self.dropout(torch.softmax(scores, 3)) @ value
        return self.proj_fc(mixed.transpose(1, 2).reshape(x.shape[0], -1, WIDTH))


class FeedForward(nn.Module):
    """(N, T, 512) -> same, hidden width 512, ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, WIDTH)
        self.fc2 = nn.Linear(WIDTH, WIDTH)
        self.dropout = Dropout()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.dropout(torch.relu(self.fc1(x))))


class EncoderLayer(nn.Module):
    """Pre-norm transformer layer: (N, T, 512) -> same."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.self_attn = SelfAttention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.ffn = FeedForward()
        self.dropout = Dropout()

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        x = x + self.dropout(self.self_attn(self.norm1(x), bias))
        return x + self.dropout(self.ffn(self.norm2(x)))


class Encoder(nn.Module):
    """Learned positions, pre-norm layers, a last norm: (N, T, 512), already times sqrt(512) -> same."""

    def __init__(self, layers: int, positions: int) -> None:
        super().__init__()
        self.position = nn.Embedding(positions, WIDTH)
        self.position.weight.requires_grad_(False)  # the reference never trains its positions
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(layers))
        self.norm = nn.LayerNorm(WIDTH)
        self.dropout = Dropout()

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        x = self.dropout(x + self.position.weight)
        for layer in self.layers:
            x = layer(x, bias)
        return self.norm(x)


class PVAM(nn.Module):
    """Parallel visual attention: (N, 256, 512) cells -> (N, 25, 512), one glimpse per character position."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(2, CELLS)
        self.fc0 = nn.Linear(WIDTH, WIDTH)
        self.emb = nn.Embedding(STEPS, WIDTH)
        self.fc1 = nn.Linear(WIDTH, 1, bias=False)

    def forward(self, cells: Tensor) -> Tensor:
        cells = self.fc0(self.encoder(cells * WIDTH**0.5))
        scores = self.fc1(torch.tanh(cells.unsqueeze(1) + self.emb.weight.unsqueeze(1))).squeeze(3)
        return torch.softmax(scores, 2) @ cells


class GSRM(nn.Module):
    """Global semantic reasoning: PVAM glimpses (N, 25, 512) -> semantic features, first reading, inferred reading.

    The first reading's most likely characters, embedded, go through two encoders: one sees only what stands to the
    left, the other only what stands to the right. Id `classes` starts a word.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.fc0 = nn.Linear(WIDTH, classes)
        self.embedding = nn.Embedding(classes + 1, WIDTH)
        self.from_left = Encoder(4, STEPS)
        self.from_right = Encoder(4, STEPS)
        later = torch.full((STEPS, STEPS), -1e9).triu(1)
        self.register_buffer("hide_later", later, persistent=False)
        self.register_buffer("hide_earlier", later.T.contiguous(), persistent=False)

    def embed(self, tokens: Tensor) -> Tensor:
        """(N, T) int64 -> (N, T, 512), times sqrt(512); zeros for id 0, whatever its stored row holds."""
        return self.embedding(tokens) * (tokens != 0).unsqueeze(2) * WIDTH**0.5

    def forward(self, glimpses: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        word = self.fc0(glimpses)
        tokens = word.argmax(2)
        start = torch.full_like(tokens[:, :1], self.classes)
        left = self.from_left(self.embed(torch.cat([start, tokens[:, :-1]], 1)), self.hide_later)
        right = self.from_right(self.embed(tokens), self.hide_earlier)
        # what the text from position t + 1 on says about position t
        right = torch.cat([right[:, 1:], torch.zeros_like(right[:, :1])], 1)
        semantic = left + right
        return semantic, word, semantic @ self.embedding.weight.T


class VSFD(nn.Module):
    """Visual-semantic fusion: two (N, 25, 512) -> logits (N, 25, classes), by a gate per feature."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.fc0 = nn.Linear(2 * WIDTH, WIDTH)
        self.fc1 = nn.Linear(WIDTH, classes)

    def forward(self, seen: Tensor, inferred: Tensor) -> Tensor:
        gate = torch.sigmoid(self.fc0(torch.cat([seen, inferred], 2)))
        return self.fc1(gate * seen + (1 - gate) * inferred)


class SRNHead(nn.Module):
    """(N, 512, 8, 32) -> probabilities (N, 25, classes). Classes: characters, then start, then end."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.pvam = PVAM()
        self.gsrm = GSRM(classes)
        self.vsfd = VSFD(classes)

    def forward(self, features: Tensor) -> Tensor:
        return torch.softmax(self.training_outputs(features, {})["srn_logits"], 2)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`srn_logits` (final) and `word_logits` (PVAM), (N, 25, classes); `gsrm_logits` (N, 25, classes + 1)."""
        glimpses = self.pvam(features.flatten(2).transpose(1, 2))
        semantic, word, inferred = self.gsrm(glimpses)
        return {"srn_logits": self.vsfd(glimpses, semantic), "word_logits": word, "gsrm_logits": inferred}
