"""Transformer decoders: NRTR's (guides the training of CTC recognisers from PP-OCRv4 on), and SRN's (its recogniser).

NRTR: Sheng et al. 2019 (arXiv:1806.00926). Token ids: 0 padding, 1 unknown, 2 start, 3 end, characters from 4.
SRN: Yu et al., "Towards Accurate Scene Text Recognition with Semantic Reasoning Networks" (arXiv:2003.12294). It reads
all characters of a word at once, then corrects them by what usually stands beside what: PVAM (one attention glimpse per
character position), GSRM (the word read from the left and from the right), VSFD (a gate between what was seen and what
was inferred).
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inkline.training.nets.contracts import Head, Layer, TensorMap
from inkline.training.nets.layers import UnscaledDropout, attend, mlp, split_heads, to_tokens

# --- NRTR ---

NRTR_PAD = 0
NRTR_HEAD_WIDTH = 32
NRTR_DROPOUT = 0.1


def positions(length: int, channels: int, like: Tensor) -> Tensor:
    """(length, channels): sine of the position on even columns, cosine on odd ones, wavelengths 2 pi to 20000 pi."""
    place = torch.arange(length, device=like.device, dtype=torch.float32).unsqueeze(1)
    even = torch.arange(0, channels, 2, device=like.device, dtype=torch.float32)
    angle = place * torch.exp(even * (-math.log(10000.0) / channels))
    return torch.stack([torch.sin(angle), torch.cos(angle)], 2).flatten(1).to(like.dtype)


class TokenEmbedding(Layer):
    """Ids (N, L) -> (N, L, C): the embedding times sqrt(C); the padding id gives zeros, whatever its row holds."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, channels)
        nn.init.normal_(self.embedding.weight, 0.0, channels**-0.5)

    def forward(self, ids: Tensor) -> Tensor:
        scaled: Tensor = self.embedding(ids) * math.sqrt(self.embedding.embedding_dim)
        return scaled * (ids != NRTR_PAD).unsqueeze(-1)


class DecoderAttention(Layer):
    """Multi-head attention of the decoder: to itself (`qkv`), or to the memory (`q`, `kv`)."""

    def __init__(self, channels: int, cross: bool) -> None:
        super().__init__()
        self.heads = channels // NRTR_HEAD_WIDTH
        self.cross = cross
        if cross:
            self.q = nn.Linear(channels, channels)
            self.kv = nn.Linear(channels, 2 * channels)
        else:
            self.qkv = nn.Linear(channels, 3 * channels)
        self.out_proj: TensorMap = nn.Linear(channels, channels)

    def forward(self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        parts = (self.q(x), *self.kv(memory).chunk(2, -1)) if self.cross else self.qkv(x).chunk(3, -1)
        query, key, value = (split_heads(part, self.heads) for part in parts)
        return self.out_proj(attend(query, key, value, mask))


class DecoderLayer(Layer):
    """Post-norm: norm(x + masked self-attention), norm(x + attention to the memory), norm(x + MLP)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.self_attn = DecoderAttention(channels, cross=False)
        self.norm1 = nn.LayerNorm(channels)
        self.cross_attn = DecoderAttention(channels, cross=True)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = mlp(channels, 4 * channels, nn.ReLU)
        self.norm3: TensorMap = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(NRTR_DROPOUT)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        x = self.norm1(x + self.dropout(self.self_attn(x, mask=mask)))
        x = self.norm2(x + self.dropout(self.cross_attn(x, memory)))
        return self.norm3(x + self.dropout(self.mlp(x)))


class NRTRHead(Layer):
    """Decoder of `layers` layers over memory (N, T, channels) -> logits (N, L, ctc_classes + 4).

    The vocabulary is that of CTC with three more ids, and the reference's layer adds a fourth that no target uses.
    """

    def __init__(self, channels: int, ctc_classes: int, layers: int) -> None:
        super().__init__()
        classes = ctc_classes + 4
        self.embedding = TokenEmbedding(classes, channels)
        self.decoder = nn.ModuleList(DecoderLayer(channels) for _ in range(layers))
        self.tgt_word_prj: TensorMap = nn.Linear(channels, classes, bias=False)
        nn.init.normal_(self.tgt_word_prj.weight, 0.0, channels**-0.5)
        self.dropout = nn.Dropout(NRTR_DROPOUT)

    def forward(self, memory: Tensor, ids: Tensor) -> Tensor:
        """Teacher forcing: `ids` (N, L + 1) from start to end; the last one is no input -> (N, L, classes)."""
        return self.decode(memory, ids[:, :-1])

    def decode(self, memory: Tensor, ids: Tensor) -> Tensor:
        """Logits (N, L, classes) of the token that follows each of `ids` (N, L)."""
        # embedded tokens with their positions
        length = ids.shape[1]
        x = self.embedding(ids)
        x = self.dropout(x + positions(length, x.shape[2], x))
        # no token sees those after it
        future = torch.full((length, length), -math.inf, device=x.device, dtype=x.dtype).triu(1)
        for layer in self.decoder:
            x = layer(x, memory, future)
        return self.tgt_word_prj(x)


# --- SRN ---

SRN_TOKENS = 25
SRN_WIDTH = 512
SRN_HEADS = 8
SRN_CELLS = 8 * 32  # of the feature map of a 64 x 256 image; the learned positions fix this size
SRN_DROPOUT = 0.1


class SrnAttention(Layer):
    """Multi-head self-attention without biases: (N, T, 512) -> same; `bias` (T, T) is added to the scores.

    Unusual: scores are scaled by the root of the whole width, 512, and not of a head's 64.
    """

    def __init__(self) -> None:
        super().__init__()
        self.q_fc = nn.Linear(SRN_WIDTH, SRN_WIDTH, bias=False)
        self.k_fc = nn.Linear(SRN_WIDTH, SRN_WIDTH, bias=False)
        self.v_fc = nn.Linear(SRN_WIDTH, SRN_WIDTH, bias=False)
        self.proj_fc: TensorMap = nn.Linear(SRN_WIDTH, SRN_WIDTH, bias=False)
        self.dropout = UnscaledDropout(SRN_DROPOUT)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        query, key, value = (split_heads(fc(x), SRN_HEADS) for fc in (self.q_fc, self.k_fc, self.v_fc))
        scores = (query * SRN_WIDTH**-0.5) @ key.transpose(2, 3)
        if bias is not None:
            scores = scores + bias
        mixed = self.dropout(torch.softmax(scores, 3)) @ value
        return self.proj_fc(mixed.transpose(1, 2).flatten(2))


class SrnEncoderLayer(Layer):
    """Pre-norm transformer layer: (N, T, 512) -> same."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(SRN_WIDTH)
        self.self_attn = SrnAttention()
        self.norm2 = nn.LayerNorm(SRN_WIDTH)
        self.ffn = mlp(SRN_WIDTH, SRN_WIDTH, nn.ReLU, UnscaledDropout(SRN_DROPOUT))
        self.dropout = UnscaledDropout(SRN_DROPOUT)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        x = x + self.dropout(self.self_attn(self.norm1(x), bias))
        return x + self.dropout(self.ffn(self.norm2(x)))


class SrnEncoder(Layer):
    """Learned positions, pre-norm layers, a last norm: (N, T, 512), already times sqrt(512) -> same."""

    def __init__(self, layers: int, positions: int) -> None:
        super().__init__()
        self.position = nn.Embedding(positions, SRN_WIDTH)
        self.position.weight.requires_grad_(False)  # the reference never trains its positions
        self.layers = nn.ModuleList(SrnEncoderLayer() for _ in range(layers))
        self.norm: TensorMap = nn.LayerNorm(SRN_WIDTH)
        self.dropout = UnscaledDropout(SRN_DROPOUT)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        x = self.dropout(x + self.position.weight)
        for layer in self.layers:
            x = layer(x, bias)
        return self.norm(x)


class PVAM(Layer):
    """Parallel visual attention: (N, 256, 512) cells -> (N, 25, 512), one glimpse per character position."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = SrnEncoder(2, SRN_CELLS)
        self.fc0 = nn.Linear(SRN_WIDTH, SRN_WIDTH)
        self.emb = nn.Embedding(SRN_TOKENS, SRN_WIDTH)
        self.fc1 = nn.Linear(SRN_WIDTH, 1, bias=False)

    def forward(self, cells: Tensor) -> Tensor:
        cells = self.fc0(self.encoder(cells * SRN_WIDTH**0.5))
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
        self.fc0 = nn.Linear(SRN_WIDTH, classes)
        self.embedding = nn.Embedding(classes + 1, SRN_WIDTH)
        self.from_left = SrnEncoder(4, SRN_TOKENS)
        self.from_right = SrnEncoder(4, SRN_TOKENS)
        later = torch.full((SRN_TOKENS, SRN_TOKENS), -1e9).triu(1)
        self.register_buffer("hide_later", later, persistent=False)
        self.register_buffer("hide_earlier", later.T.contiguous(), persistent=False)

    def embed(self, tokens: Tensor) -> Tensor:
        """(N, T) int64 -> (N, T, 512), times sqrt(512); zeros for id 0, whatever its stored row holds."""
        embedded: Tensor = self.embedding(tokens) * (tokens != 0).unsqueeze(2)
        return embedded * math.sqrt(SRN_WIDTH)

    def forward(self, glimpses: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # first reading: each position by itself
        word = self.fc0(glimpses)
        tokens = word.argmax(2)
        # each position again, from what stands to its left and from what stands to its right
        start = torch.full_like(tokens[:, :1], self.classes)
        left = self.from_left(self.embed(torch.cat([start, tokens[:, :-1]], 1)), self.hide_later)
        right = self.from_right(self.embed(tokens), self.hide_earlier)
        # what the text from position t + 1 on says about position t
        right = torch.cat([right[:, 1:], torch.zeros_like(right[:, :1])], 1)
        semantic = left + right
        return semantic, word, semantic @ self.embedding.weight.T


class VSFD(Layer):
    """Visual-semantic fusion: two (N, 25, 512) -> logits (N, 25, classes), by a gate per feature."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.fc0 = nn.Linear(2 * SRN_WIDTH, SRN_WIDTH)
        self.fc1: TensorMap = nn.Linear(SRN_WIDTH, classes)

    def forward(self, seen: Tensor, inferred: Tensor) -> Tensor:
        gate = torch.sigmoid(self.fc0(torch.cat([seen, inferred], 2)))
        return self.fc1(gate * seen + (1 - gate) * inferred)


class SRNHead(Head):
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
        glimpses = self.pvam(to_tokens(features))
        semantic, word, inferred = self.gsrm(glimpses)
        return {"srn_logits": self.vsfd(glimpses, semantic), "word_logits": word, "gsrm_logits": inferred}
