"""SVTRv2: recognition backbone (SVTRv2, Du et al. 2024, arXiv:2411.15858; SVTR, Du et al. 2022, arXiv:2205.00159).

Local mixing by grouped convolutions first, global mixing by self-attention later; the height shrinks between the
stages, the width does not.  Every block is post-norm.
"""

from torch import Tensor, nn

from inkline.training.nets.attention import Mlp, SelfAttention
from inkline.training.nets.fuse import fold_bn

# Stage: (width, conv blocks, attention blocks, heads or groups).
STAGES = ((128, 6, 0, 4), (256, 2, 4, 8), (384, 0, 6, 12))
EPS = 1e-6


class EmbedConv(nn.Module):
    """3x3 convolution of stride 2 with bias, batch norm, GELU: halves height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 2, 1)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.act = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))

    def fused(self) -> "EmbedConv":
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv, self.norm = fold_bn(self.conv, self.norm), nn.Identity()
        return self


class PatchEmbed(nn.Module):
    """(N, 3, H, W) -> (N, outputs, H / 4, W / 4)."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.patch_embed = nn.Sequential(EmbedConv(3, outputs // 2), EmbedConv(outputs // 2, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.patch_embed(x)


class ConvBlock(nn.Module):
    """Local mixing on the map (N, C, H, W): norm(x + 5x5 grouped conv), then norm(x + MLP), both over channels."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=EPS)
        self.mixer = nn.Conv2d(channels, channels, 5, padding=2, groups=groups)
        self.norm2 = nn.LayerNorm(channels, eps=EPS)
        self.mlp = Mlp(channels, 4 * channels, nn.GELU)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm1((x + self.mixer(x)).permute(0, 2, 3, 1))
        return self.norm2(tokens + self.mlp(tokens)).permute(0, 3, 1, 2)


class AttentionBlock(nn.Module):
    """Global mixing on tokens (N, T, C): norm(x + attention), then norm(x + MLP)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=EPS)
        self.mixer = SelfAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, eps=EPS)
        self.mlp = Mlp(channels, 4 * channels, nn.GELU)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.mixer(x))
        return self.norm2(x + self.mlp(x))


class HalveHeight(nn.Module):
    """3x3 convolution of stride (2, 1) with bias, layer norm over channels: (N, C, H, W) -> (N, out, H / 2, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, (2, 1), 1)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Flatten(nn.Module):
    """Stands where a stage turns from the map to tokens; has no parameters."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)


class Stage(nn.Module):
    """Convolution blocks on the map, attention blocks on its tokens, then half the height: map -> map."""

    def __init__(self, width: int, convs: int, attentions: int, heads: int, following: int | None) -> None:
        super().__init__()
        blocks: list[nn.Module] = [ConvBlock(width, heads) for _ in range(convs)]
        if convs and attentions:
            blocks.append(Flatten())
        blocks += [AttentionBlock(width, heads) for _ in range(attentions)]
        self.blocks = nn.ModuleList(blocks)
        self.has_attention = attentions > 0
        self.downsample = nn.Identity() if following is None else HalveHeight(width, following)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        if self.has_attention and isinstance(self.blocks[0], AttentionBlock):
            x = x.flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        if self.has_attention:
            x = x.transpose(1, 2).reshape(batch, -1, height, width)
        return self.downsample(x)


class SVTRv2(nn.Module):
    """Text line (N, 3, 48, W) -> (N, 384, 1, W / 8): heights 12, 6, 3, then the mean of height and 2 columns."""

    def __init__(self) -> None:
        super().__init__()
        widths = [stage[0] for stage in STAGES]
        self.pope = PatchEmbed(widths[0])
        self.stages = nn.ModuleList(
            Stage(*stage, following) for stage, following in zip(STAGES, [*widths[1:], None], strict=True)
        )
        self.out_channels = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        x = self.pope(x)
        for stage in self.stages:
            x = stage(x)
        return nn.functional.avg_pool2d(x.mean(2, keepdim=True), (1, 2))
