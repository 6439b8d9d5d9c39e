"""Real damage: every flipped bit and every cut is found, and a crash leaves a whole file under the name."""

import io
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from export_zoo import four_lines, rows, scrambled

import deepkit as dk
from deepkit.errors import DeepkitError


def positions(size, count):
    """Fixed places all over a file, its first and last bytes among them."""
    spread = np.linspace(0, size - 1, count).astype(int).tolist()
    return sorted({*spread, *range(16), *range(size - 40, size)})


@pytest.fixture(scope="module")
def model():
    built = scrambled(four_lines())
    built.compile("adam", "bce")
    return built


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "m.deepkit"
    model.save(path)
    return path.read_bytes()


def test_every_flipped_bit_is_found(model, whole, tmp_path):
    path = tmp_path / "m.deepkit"
    for position in positions(len(whole), 300):
        for bit in (0, 3, 7):
            data = bytearray(whole)
            data[position] ^= 1 << bit
            path.write_bytes(data)
            with pytest.raises(DeepkitError, match=r"m\.deepkit"):
                dk.load_model(path)
    path.write_bytes(whole)
    np.testing.assert_array_equal(dk.load_model(path).predict(rows(model)), model.predict(rows(model)))


def test_every_cut_is_found(whole, tmp_path):
    path = tmp_path / "m.deepkit"
    for length in positions(len(whole), 200):
        path.write_bytes(whole[:length])
        with pytest.raises(DeepkitError, match=r"m\.deepkit"):
            dk.load_model(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(DeepkitError, match=f"cut off: it has {len(whole) - 1:,} of {len(whole):,} bytes"):
        dk.load_model(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(DeepkitError, match="is damaged"):
        dk.load_model(path)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".deepkit"])
def test_damaged_weights_change_nothing_or_are_the_same(model, suffix, tmp_path):
    path = tmp_path / f"w{suffix}"
    (model.save if suffix == ".deepkit" else model.export)(path)
    data, expected = path.read_bytes(), model.get_weights()
    other = four_lines()
    other.initialize(1)
    before, refused = other.get_weights(), 0
    damaged = [data[:length] for length in positions(len(data), 40)]
    for position in positions(len(data), 250):
        changed = bytearray(data)
        changed[position] ^= 1 << position % 8
        damaged.append(bytes(changed))
    for content in damaged:
        path.write_bytes(content)
        try:
            other.load_weights(path)
        except DeepkitError:
            refused += 1
            assert all(map(np.array_equal, other.get_weights(), before))
        else:
            assert all(map(np.array_equal, other.get_weights(), expected))
            other.set_weights(before)
    # What passes are bits that say nothing: dates in a zip, the metadata before it says that there is a digest.
    assert refused > 0.8 * len(damaged)


def test_a_shorter_header_in_a_member_of_an_npz_does_not_pass_for_the_array(model, tmp_path):
    """NumPy alone reads fewer bytes than the member has and never compares its checksum."""
    path = tmp_path / "w.npz"
    model.export(path)
    changed = path.read_bytes().replace(b"'descr': '<f4'", b"'descr': '<f2'")
    path.write_bytes(changed)
    with pytest.raises(DeepkitError, match="not a whole"):
        model.load_weights(path)


def test_a_member_that_is_longer_than_its_array_is_refused(model, tmp_path):
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w") as archive:
        buffer = io.BytesIO()
        np.save(buffer, np.zeros(3, np.float32))
        archive.writestr("params/dense/bias.npy", buffer.getvalue() + b"more")
    with pytest.raises(DeepkitError, match="longer than its array"):
        model.load_weights(path)


SAVING = """
import sys, numpy as np, deepkit as dk
x = dk.Input(200)
model = dk.Model(x, dk.layers.Dense(1000)(x))
number = 0
while True:
    number += 1
    kernel = np.full((200, 1000), number, np.float32)
    model.set_weights([kernel, np.full(1000, number, np.float32)])
    model.save("m.deepkit")
    model.export("w.npz")
    print(number, flush=True)
"""


def test_a_killed_process_leaves_a_whole_file(tmp_path):
    random = np.random.default_rng(0)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVING], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=os.environ
        )
        assert process.stdout.readline() == "1\n"
        time.sleep(random.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        last = max([1, *map(int, process.stdout.read().split())])
        process.stdout.close()
        model = dk.load_model(tmp_path / "m.deepkit")
        kernel, bias = model.get_weights()
        assert kernel.min() == kernel.max() == bias.min() == bias.max()
        assert kernel.max() in (last, last + 1)
        model.load_weights(tmp_path / "w.npz")


def test_a_failure_while_writing_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "m.deepkit"
    model.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DeepkitError, match="No space left on device"):
        model.save(path)
    with pytest.raises(DeepkitError, match="No space left on device"):
        model.export(tmp_path / "w.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["m.deepkit"]
    assert path.read_bytes() == before


def test_a_link_stays_a_link_and_permissions_are_the_usual_ones(model, tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "m.deepkit"
    link.symlink_to(tmp_path / "real" / "m.deepkit")
    model.save(link)
    (tmp_path / "plain").write_text("")
    assert link.is_symlink() and (tmp_path / "real" / "m.deepkit").is_file()
    assert link.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_places_that_cannot_be_written_to(model, tmp_path):
    with pytest.raises(DeepkitError, match="there is no folder"):
        model.save(tmp_path / "absent" / "m.deepkit")
    (tmp_path / "m.deepkit").mkdir()
    with pytest.raises(DeepkitError, match="it is a folder"):
        model.save(tmp_path / "m.deepkit")
