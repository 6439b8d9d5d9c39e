"""Ctrl-C, for real: a process of its own is sent the signal."""

import os
import signal
import subprocess
import sys
import textwrap
import time

START = """
import sys, time; sys.path.insert(0, {path!r})
import numpy as np
import deepkit as dk
from training_cases import data, net

x, y = data()
model = net()
first = model.get_weights()
print("ready", flush=True)

class Batches:
    def __iter__(self):
        for start in range(0, 100, 25):
            yield x[start:start + 25], y[start:start + 25]

def tell(history):
    moved = not np.array_equal(first[0], model.get_weights()[0])
    finite = all(np.isfinite(w).all() for w in model.get_weights())
    lengths = {{len(values) for values in history.history.values()}}
    print("history", len(history.epoch), lengths == {{len(history.epoch)}}, moved, finite, history.stopped, flush=True)
    print("evaluated", model.evaluate(x, y)["loss"] > 0, flush=True)
    print("goes on", len(model.fit(x, y, epochs=2, verbose=0).epoch), flush=True)
"""


def interrupted(program, signals=1, pause=0.3, wait_for="training"):
    """Run the program, send SIGINT once it says `wait_for`; `(exit status, lines, standard error, seconds)`."""
    text = START.format(path=os.path.dirname(__file__)) + textwrap.dedent(program)
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if wait_for in line:
            break
    time.sleep(0.5)
    begun = time.perf_counter()
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
    rest, errors = process.communicate(timeout=60)
    return process.returncode, lines + rest.splitlines(), errors, time.perf_counter() - begun


SAYING = """
class Say(dk.callbacks.Callback):
    said = False
    def on_epoch_end(self, epoch, logs=None):
        if not self.said: print("training", flush=True)
        self.said = True
"""


def check(status, lines, errors):
    assert status == 0, errors
    history = next(line for line in lines if line.startswith("history")).split(" ", 5)
    assert int(history[1]) > 0
    assert history[2:5] == ["True", "True", "True"]
    assert history[5].startswith("Interrupted in epoch ")
    assert "evaluated True" in lines
    assert "goes on 2" in lines
    assert "KeyboardInterrupt" not in errors


def test_ctrl_c_ends_a_resident_run_with_its_history():
    check(*interrupted(SAYING + "tell(model.fit(x, y, epochs=10**7, verbose=0, callbacks=[Say()]))")[:3])


def test_ctrl_c_ends_a_streaming_run_with_its_history():
    check(*interrupted(SAYING + "tell(model.fit(Batches(), epochs=10**7, verbose=0, callbacks=[Say()]))")[:3])


def test_ctrl_c_in_an_endless_epoch():
    program = """
    def forever():
        while True:
            yield from Batches()
    print("training", flush=True)
    history = model.fit(forever(), epochs=2, verbose=1)
    print("returned", len(history.epoch), history.stopped, flush=True)
    """
    status, lines, errors, _ = interrupted(program)
    assert status == 0, errors
    assert "returned 0 Interrupted in epoch 1; the model has the weights of that moment." in lines


def test_a_second_ctrl_c_ends_at_once():
    """The data never come: the first signal waits for them, the second does not."""
    program = """
    def stuck():
        yield from Batches()
        print("training", flush=True)
        time.sleep(1000)
    try:
        model.fit(stuck, epochs=3, verbose=0)
    except KeyboardInterrupt:
        print("interrupted", np.array_equal(first[0], model.get_weights()[0]), flush=True)
        print("goes on", len(model.fit(x, y, epochs=2, verbose=0).epoch), flush=True)
    """
    status, lines, errors, seconds = interrupted(program, signals=2)
    assert status == 0, errors
    assert "interrupted False" in lines  # the weights are those of the last step
    assert "goes on 2" in lines
    assert seconds < 50


def test_signals_are_the_users_again_afterwards():
    from training_cases import data, net

    before = signal.getsignal(signal.SIGINT)
    x, y = data()
    net().fit(x, y, epochs=1, verbose=0)
    assert signal.getsignal(signal.SIGINT) is before


def test_training_in_another_thread():
    import threading

    from training_cases import data, net

    x, y = data()
    found = []
    thread = threading.Thread(target=lambda: found.append(net().fit(x, y, epochs=2, verbose=0)))
    thread.start()
    thread.join()
    assert len(found[0].epoch) == 2
