"""What a run prints, on a terminal and elsewhere."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from training_cases import Rewound, data, net

import deepkit as dk
from deepkit.errors import DeepkitValueError
from deepkit.training.progress import duration

X, Y = data()


@pytest.fixture(scope="module")
def rewound():
    return Rewound(net())


def printed(capsys, model, **options):
    model.fit(X, Y, **{"epochs": 3, "validation_split": 0.2, **options})
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


LINE = r"epoch 3/3 in \d+(\.\d)? s · loss [\d.]+ · accuracy [\d.]+ · val_loss [\d.]+ · val_accuracy [\d.]+\n"


@pytest.mark.parametrize("verbose", ["auto", 1, True])
def test_one_line_where_there_is_no_terminal(capsys, rewound, verbose):
    assert re.fullmatch(LINE, printed(capsys, rewound(), verbose=verbose))


@pytest.mark.parametrize("verbose", [0, False])
def test_silence(capsys, rewound, verbose):
    assert printed(capsys, rewound(), verbose=verbose) == ""


def test_a_line_per_epoch(capsys, rewound):
    lines = printed(capsys, rewound(), verbose=2, epochs=7, initial_epoch=4).splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 5/7", "epoch 6/7", "epoch 7/7"]
    assert all(re.fullmatch(r"epoch ./7: loss [\d.]+ · accuracy [\d.]+ · val_loss .*", line) for line in lines)


@pytest.mark.parametrize("verbose", ["auto", 2])
def test_a_stop_is_told(capsys, rewound, verbose):
    stopping = dk.callbacks.EarlyStopping("loss", min_delta=100, patience=1)
    text = printed(capsys, rewound(), verbose=verbose, callbacks=[stopping], epochs=9)
    assert text.count("Stopped after epoch 2.") == 1
    assert text.count("\n") == (1 if verbose == "auto" else 3)


def test_a_stop_before_the_first_epoch(capsys, rewound):
    model = rewound()
    stop = dk.callbacks.LambdaCallback(on_train_begin=lambda logs: setattr(model, "stop_training", True))
    text = printed(capsys, model, verbose="auto", callbacks=[stop])
    assert re.fullmatch(r"epoch 0/3 in \S+ s · Stopped after epoch 0\.\n", text)


def test_figures_that_are_no_numbers_are_left_out(capsys):
    model = net(metrics=[dk.metrics.ConfusionMatrix()])
    text = printed(capsys, model, verbose=2, epochs=1)
    assert re.fullmatch(r"epoch 1/1: loss [\d.]+ · val_loss [\d.]+\n", text)
    assert np.shape(model.history["confusion_matrix"]) == (1, 2, 2)


@pytest.mark.parametrize("verbose", ["loud", 3, None, -1])
def test_unknown_verbosity(rewound, verbose):
    with pytest.raises(DeepkitValueError, match="verbose"):
        rewound().fit(X, Y, verbose=verbose)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (42.3, "42 s"), (59.9, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


START = """
import sys, time; sys.path.insert(0, {path!r})
import deepkit as dk
from training_cases import data, net
x, y = data()
model = net()
print("begin", flush=True)
"""


def on_a_terminal(program, interrupt_at=None):
    """Raw output of a process on a pseudo-terminal of 100 columns; Ctrl-C comes once `interrupt_at` is seen."""
    text = START.format(path=os.path.dirname(__file__)) + textwrap.dedent(program)
    mine, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    raw, end = b"", time.monotonic() + 90
    while time.monotonic() < end:
        if select.select([mine], [], [], 0.2)[0]:
            try:
                piece = os.read(mine, 65536)
            except OSError:
                break
            if not piece:
                break
            raw += piece
        if interrupt_at and interrupt_at in raw.decode(errors="ignore"):
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    process.wait(timeout=10)
    os.close(mine)
    return raw.decode()


def screen(raw):
    """What is left to see: a small terminal that knows what rich uses (carriage return, cursor up, erase line)."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", raw):
        if token == "\r":
            column = 0
        elif token == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif token.startswith("\x1b["):
            number = int(re.sub(r"\D", "", token) or 1)
            if token.endswith("A"):
                row = max(0, row - number)
            elif token.endswith("K"):
                lines[row] = "" if "2" in token else lines[row][:column]
        else:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + token + line[column + len(token) :]
            column += len(token)
    return [line.rstrip() for line in lines]


HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"


def cursor_is_back(raw):
    return raw.rfind(SHOWN) > raw.rfind(HIDDEN)


@pytest.fixture(scope="module")
def terminal():
    """What three runs of one process write: one that takes its time, one whose callback prints, one that fails."""
    return on_a_terminal("""
        slow = dk.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: time.sleep(0.15))
        model.fit(x, y, epochs=8, callbacks=[slow])
        print("done", flush=True)
        print("next", flush=True)
        hooks = dk.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("epoch", epoch, "says hello"))
        model.fit(x, y, epochs=3, initial_epoch=1, verbose=1, callbacks=[hooks])
        print("next", flush=True)
        def fail(epoch, logs):
            raise ZeroDivisionError("on purpose")
        try:
            model.fit(x, y, epochs=5, callbacks=[dk.callbacks.LambdaCallback(on_epoch_end=fail)])
        except ZeroDivisionError:
            print("caught", sys.stdout is sys.__stdout__)
    """).split("next\r\n")


def test_a_live_line_on_a_terminal(terminal):
    raw, *_ = terminal
    assert re.search(r"epoch [1-7]/8 ", raw)
    assert re.search(r"loss [\d.]+ · accuracy [\d.]+ .* s left", raw)
    assert cursor_is_back(raw)
    lines = screen(raw)
    assert lines[0] == "begin"
    assert re.fullmatch(r"epoch 8/8 in .* s · loss [\d.]+ · accuracy [\d.]+", lines[1])
    assert lines[2:] == ["done", ""]


def test_prints_of_callbacks_stand_above_the_live_line(terminal):
    _, raw, _ = terminal
    lines = screen(raw)
    assert lines[:2] == ["epoch 1 says hello", "epoch 2 says hello"]
    assert lines[2].startswith("epoch 3/3 in ")
    assert lines[3:] == [""]


def test_an_error_on_a_terminal_leaves_it_tidy(terminal):
    *_, raw = terminal
    assert cursor_is_back(raw)
    assert screen(raw) == ["caught True", ""]


def test_ctrl_c_on_a_terminal_leaves_it_tidy():
    raw = on_a_terminal("""
        history = model.fit(x, y, epochs=10**7)
        print("epochs:", len(history.epoch) > 0)
    """, interrupt_at=" left")  # fmt: skip
    assert cursor_is_back(raw)
    lines = screen(raw)
    assert re.search(r"· Interrupted in epoch \d+; the model", " ".join(lines)), lines
    assert lines[-2:] == ["epochs: True", ""]
    assert "Traceback" not in raw
