"""The engine: train state, the moves of training, strategies, the host's loop, callbacks."""
