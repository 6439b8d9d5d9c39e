"""The networks that made history, each short enough to be read as its paper's table. They start untrained."""

from deepkit.networks.alexnet import AlexNet, ZFNet
from deepkit.networks.character_rnn import CharacterRNN
from deepkit.networks.dense import MLP, Autoencoder, encoder_of
from deepkit.networks.fractalnet import FractalNet
from deepkit.networks.googlenet import GOOGLENET_LOSS_WEIGHTS, GoogLeNet, InceptionModule, without_auxiliary_heads
from deepkit.networks.lenet import LeNet5
from deepkit.networks.resnet import (
    PlainNet20,
    PlainNet32,
    PlainNet44,
    PlainNet56,
    PlainNet110,
    ResNet18,
    ResNet20,
    ResNet32,
    ResNet34,
    ResNet44,
    ResNet50,
    ResNet56,
    ResNet110,
)
from deepkit.networks.vgg import VGG11, VGG13, VGG16, VGG19

__all__ = [
    "GOOGLENET_LOSS_WEIGHTS",
    "MLP",
    "VGG11",
    "VGG13",
    "VGG16",
    "VGG19",
    "AlexNet",
    "Autoencoder",
    "CharacterRNN",
    "FractalNet",
    "GoogLeNet",
    "InceptionModule",
    "LeNet5",
    "PlainNet20",
    "PlainNet32",
    "PlainNet44",
    "PlainNet56",
    "PlainNet110",
    "ResNet18",
    "ResNet20",
    "ResNet32",
    "ResNet34",
    "ResNet44",
    "ResNet50",
    "ResNet56",
    "ResNet110",
    "ZFNet",
    "encoder_of",
    "without_auxiliary_heads",
]
