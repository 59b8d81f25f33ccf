"""Transformer pieces that SVTRv2, the SVTR encoders and the NRTR decoder share."""

import torch
from torch import Tensor, nn

from inkline.training.nets.layers import Act


class Mlp(nn.Module):
    """Linear, activation, linear on the last axis: (..., channels) -> (..., channels)."""

    def __init__(self, channels: int, hidden: int, act: Act) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.act = act()
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(N, T, heads * d) -> (N, heads, T, d)."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(query key^T / sqrt(d) + mask) value, heads joined: (N, heads, T, d) -> (N, T, heads * d)."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if mask is not None:
        scores = scores + mask
    return (torch.softmax(scores, -1) @ value).transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Multi-head self-attention with one projection for query, key and value: (N, T, C) -> (N, T, C)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, -1))
        return self.proj(attend(query, key, value))
