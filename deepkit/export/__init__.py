"""Keeping and shipping: a whole model in one file, and its weights in formats that others read."""

from deepkit.export.models import load_model, save_model
from deepkit.export.weights import export_weights, load_weights

__all__ = ["export_weights", "load_model", "load_weights", "save_model"]
