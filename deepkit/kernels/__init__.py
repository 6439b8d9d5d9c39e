"""Mathematics that XLA runs slowly on a CPU, written so that it runs fast. Layers call it and know nothing of it."""

from deepkit.kernels.average import average_pool
from deepkit.kernels.channels import channel_sums, per_channel
from deepkit.kernels.compiler import compiler_options, set_flags
from deepkit.kernels.convolution import convolve
from deepkit.kernels.pooling import max_pool
from deepkit.kernels.product import product

__all__ = [
    "average_pool", "channel_sums", "compiler_options", "convolve", "max_pool", "per_channel", "product", "set_flags"
]  # fmt: skip
