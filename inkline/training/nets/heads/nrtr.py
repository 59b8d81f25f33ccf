"""NRTR decoder (Sheng et al. 2019, arXiv:1806.00926): the transformer branch that guides training of CTC recognisers.

Token ids: 0 padding, 1 unknown, 2 start, 3 end, characters from 4.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.attention import Mlp, attend, split_heads

PAD, START, END = 0, 2, 3
HEAD_WIDTH = 32
DROPOUT = 0.1


def positions(length: int, channels: int, like: Tensor) -> Tensor:
    """(length, channels): sine of the position on even columns, cosine on odd ones, wavelengths 2 pi to 20000 pi."""
    place = torch.arange(length, device=like.device, dtype=torch.float32).unsqueeze(1)
    even = torch.arange(0, channels, 2, device=like.device, dtype=torch.float32)
    angle = place * torch.exp(even * (-math.log(10000.0) / channels))
    return torch.stack([torch.sin(angle), torch.cos(angle)], 2).flatten(1).to(like.dtype)


class TokenEmbedding(nn.Module):
    """Ids (N, L) -> (N, L, C): the embedding times sqrt(C); the padding id gives zeros, whatever its row holds."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, channels)
        nn.init.normal_(self.embedding.weight, 0.0, channels**-0.5)

    def forward(self, ids: Tensor) -> Tensor:
        scaled = self.embedding(ids) * math.sqrt(self.embedding.embedding_dim)
        return scaled * (ids != PAD).unsqueeze(-1)


class DecoderAttention(nn.Module):
    """Multi-head attention of the decoder: to itself (`qkv`), or to the memory (`q`, `kv`)."""

    def __init__(self, channels: int, cross: bool) -> None:
        super().__init__()
        self.heads = channels // HEAD_WIDTH
        self.cross = cross
        if cross:
            self.q = nn.Linear(channels, channels)
            self.kv = nn.Linear(channels, 2 * channels)
        else:
            self.qkv = nn.Linear(channels, 3 * channels)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        parts = (self.q(x), *self.kv(memory).chunk(2, -1)) if self.cross else self.qkv(x).chunk(3, -1)
        query, key, value = (split_heads(part, self.heads) for part in parts)
        return self.out_proj(attend(query, key, value, mask))


class DecoderLayer(nn.Module):
    """Post-norm: norm(x + masked self-attention), norm(x + attention to the memory), norm(x + MLP)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.self_attn = DecoderAttention(channels, cross=False)
        self.norm1 = nn.LayerNorm(channels)
        self.cross_attn = DecoderAttention(channels, cross=True)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels, 4 * channels, nn.ReLU)
        self.norm3 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        x = self.norm1(x + self.dropout(self.self_attn(x, mask=mask)))
        x = self.norm2(x + self.dropout(self.cross_attn(x, memory)))
        return self.norm3(x + self.dropout(self.mlp(x)))


class NRTRHead(nn.Module):
    """Decoder of `layers` layers over memory (N, T, channels) -> logits (N, L, ctc_classes + 4).

    The vocabulary is that of CTC with three more ids, and the reference's layer adds a fourth that no target uses.
    """

    def __init__(self, channels: int, ctc_classes: int, layers: int) -> None:
        super().__init__()
        classes = ctc_classes + 4
        self.embedding = TokenEmbedding(classes, channels)
        self.decoder = nn.ModuleList(DecoderLayer(channels) for _ in range(layers))
        self.tgt_word_prj = nn.Linear(channels, classes, bias=False)
        nn.init.normal_(self.tgt_word_prj.weight, 0.0, channels**-0.5)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, memory: Tensor, ids: Tensor) -> Tensor:
        """Teacher forcing: `ids` (N, L + 1) from start to end; the last one is no input -> (N, L, classes)."""
        return self.decode(memory, ids[:, :-1])

    def decode(self, memory: Tensor, ids: Tensor) -> Tensor:
        """Logits (N, L, classes) of the token that follows each of `ids` (N, L)."""
        length = ids.shape[1]
        x = self.embedding(ids)
        x = self.dropout(x + positions(length, x.shape[2], x))
        future = torch.full((length, length), -math.inf, device=x.device, dtype=x.dtype).triu(1)
        for layer in self.decoder:
            x = layer(x, memory, future)
        return self.tgt_word_prj(x)

    @torch.no_grad()
    def greedy(self, memory: Tensor, steps: int = 25) -> tuple[Tensor, Tensor]:
        """Most probable next token again and again -> ids (N, L) int64 and their probabilities (N, L), start first.

        Stops when every line of the batch has ended, or at `steps` tokens.
        """
        ids = torch.full((memory.shape[0], 1), START, dtype=torch.int64, device=memory.device)
        probabilities = torch.ones(ids.shape, dtype=memory.dtype, device=memory.device)
        for _ in range(1, steps):
            best = F.softmax(self.decode(memory, ids)[:, -1], -1).max(-1)
            ids = torch.cat([ids, best.indices[:, None]], 1)
            probabilities = torch.cat([probabilities, best.values[:, None]], 1)
            if bool((best.indices == END).all()):
                break
        return ids, probabilities
