"""ResNet-50, so that torchvision need not be there: He et al., "Deep Residual Learning for Image Recognition", 2015.

The stride lies in the 3x3 convolutions (v1.5), as torchvision has it. Weights are random, from a fixed seed.
"""

from __future__ import annotations

import torch
from torch import nn

IMAGE = (3, 224, 224)
CLASSES = 1000
_BLOCKS = (3, 4, 6, 3)
_EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a short cut."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        outside = width * _EXPANSION
        self.branch = nn.Sequential(
            *_convolution(inside, width, 1, 1),
            nn.ReLU(inplace=True),
            *_convolution(width, width, 3, stride),
            nn.ReLU(inplace=True),
            *_convolution(width, outside, 1, 1),
        )
        straight = stride == 1 and inside == outside
        self.short_cut = nn.Identity() if straight else nn.Sequential(*_convolution(inside, outside, 1, stride))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.relu(self.branch(x) + self.short_cut(x))
        return result


class ResNet50(nn.Module):
    """Pictures FP32 [rows, 3, 224, 224] → logits [rows, 1000]."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inside = 64
        for stage, count in enumerate(_BLOCKS):
            width = 64 << stage
            for index in range(count):
                blocks.append(Bottleneck(inside, width, 2 if stage and index == 0 else 1))
                inside = width * _EXPANSION
        self.layers = nn.Sequential(
            *_convolution(3, 64, 7, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
            *blocks,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(inside, CLASSES),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x)
        return result


def resnet50(seed: int = 1) -> ResNet50:
    """With random weights, on the CPU, ready to infer."""
    torch.manual_seed(seed)
    model = ResNet50()
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, Bottleneck):
            # Each block adds a little: otherwise numbers double from block to block, beyond what FP16 holds.
            last = module.branch[-1]
            assert isinstance(last, nn.BatchNorm2d)
            nn.init.constant_(last.weight, 0.2)
    return model


def _convolution(inside: int, outside: int, size: int, stride: int) -> tuple[nn.Module, nn.Module]:
    return (
        nn.Conv2d(inside, outside, size, stride=stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outside),
    )
