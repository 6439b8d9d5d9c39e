"""Mathematics that XLA runs slowly on a CPU, written so that it runs fast. Layers call it and know nothing of it."""

from deepkit.kernels.convolution import convolve
from deepkit.kernels.flags import set_flags
from deepkit.kernels.pooling import max_pool

__all__ = ["convolve", "max_pool", "set_flags"]
