"""A study that is killed goes on where its file ends; a file that is not whole, or not its own, is refused."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
import studies

import deepkit as dk
from deepkit.errors import DeepkitError, DeepkitWarning
from deepkit.sweeps import workers
from deepkit.sweeps.records import Records

WHOLE = {"batch_size": None, "shuffle": False, "verbose": 0}
"""A smaller program, which compiles sooner."""


@pytest.fixture
def trained(monkeypatch):
    """Numbers of the members that are trained from here on."""
    numbers: list[int] = []
    before = workers.train_group

    def watched(recipe, tasks, **arguments):
        for task, outcome in before(recipe, tasks, **arguments):
            numbers.append(task.member)
            yield task, outcome

    monkeypatch.setattr(workers, "train_group", watched)
    return numbers


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A file of a finished study, and its result."""
    path = tmp_path_factory.mktemp("study") / "blobs.study"
    return path, studies.study(path)


def kept(path) -> list[int]:
    """Numbers of the members in a file."""
    result = dk.sweeps.load(path, studies.net)
    return [member.number for member in result.members if member.failure is None]


def same(a, b):
    np.testing.assert_array_equal(a.history, b.history)
    np.testing.assert_array_equal(a.epochs, b.epochs)
    assert a.figures == b.figures and a.axes == b.axes and a.seeds == b.seeds
    for member in a.members:
        for left, right in zip(
            *(jax.tree.leaves(result.member(member.number).model.variables) for result in (a, b)), strict=True
        ):
            np.testing.assert_array_equal(left, right)


def test_killed_in_the_middle_and_resumed(tmp_path, finished, trained):
    path = tmp_path / "killed.study"
    process = subprocess.Popen(
        [sys.executable, studies.__file__, str(path)], env={**os.environ, studies.FOLDER: str(tmp_path)}
    )
    try:
        sizes = {0}  # nothing, the study, and then the first members
        while len(sizes) < 3 and process.poll() is None:
            time.sleep(0.05)
            sizes.add(path.stat().st_size if path.exists() else 0)
        assert process.poll() is None, "the study was over before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with dk_warnings_allowed():
        before = kept(path)
        result = studies.study(path)
    assert 0 < len(before) < studies.MEMBERS
    assert sorted(before + trained) == list(range(studies.MEMBERS))  # none twice, none lost
    same(result, finished[1])
    assert sorted(kept(path)) == list(range(studies.MEMBERS))
    trained.clear()
    same(studies.study(path), finished[1])
    assert trained == []


class dk_warnings_allowed:
    """A record that was cut off is a warning; it depends on the moment of the kill whether there is one."""

    def __enter__(self):
        import warnings

        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        warnings.simplefilter("ignore", DeepkitWarning)

    def __exit__(self, *error):
        self._caught.__exit__(*error)


def test_interrupted_by_ctrl_c_and_resumed(tmp_path, finished, trained, monkeypatch):
    path = tmp_path / "interrupted.study"
    monkeypatch.setattr("deepkit.sweeps.members.KEPT_BYTES", 0)  # rows are drawn for every member
    calls = []

    def interrupting(seed):
        calls.append(seed)
        if len(calls) == 20:
            signal.raise_signal(signal.SIGINT)
        return studies.blobs(seed)

    with pytest.warns(DeepkitWarning, match="Interrupted"):
        stopped = studies.study(path, interrupting)
    assert stopped.failures()
    before = kept(path)
    assert sorted(before) == [m.number for m in stopped.members if m.failure is None]
    trained.clear()
    same(studies.study(path), finished[1])
    assert sorted(before + trained) == list(range(studies.MEMBERS))


def test_a_torn_last_record_is_dropped(tmp_path, finished, trained):
    path = tmp_path / "torn.study"
    whole = finished[0].read_bytes()
    ends = record_ends(finished[0])
    for size in (ends[-2] + 5, ends[-2] + 40, len(whole) - 1):
        path.write_bytes(whole[:size])
        trained.clear()
        with pytest.warns(DeepkitWarning, match="cut off"):
            result = studies.study(path)
        same(result, finished[1])
        assert 0 < len(trained) < studies.MEMBERS
        assert sorted(kept(path)) == list(range(studies.MEMBERS))
    path.write_bytes(whole[: ends[-2]] + bytes(1000))  # a machine that lost its power
    with pytest.warns(DeepkitWarning, match="cut off"):
        same(studies.study(path), finished[1])


def record_ends(path) -> list[int]:
    records = Records(path, write=False)
    ends = [records._file.tell() for _ in records.read()]
    records.close()
    return ends


def test_cut_off_anywhere_nothing_wrong_is_read(tmp_path, finished):
    path = tmp_path / "cut.study"
    whole = finished[0].read_bytes()
    ends = record_ends(finished[0])
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        records = Records(path, write=False)
        count = sum(1 for _ in records.read())
        records.close()
        assert count == sum(end <= size for end in ends)


def test_flipped_bits_are_found(tmp_path, finished):
    path = tmp_path / "flipped.study"
    whole = finished[0].read_bytes()
    last = record_ends(finished[0])[-2]
    random = np.random.default_rng(0)
    places = [*range(last, last + 32), *random.integers(0, last, 100), *range(16, 48)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        records = Records(path, write=False)
        try:
            count = 0
            with pytest.raises(DeepkitError, match=r"damaged|no study"):
                for _ in records.read():
                    count += 1
                if last + 8 <= place < last + 24:
                    pytest.fail("unreachable: the head of a record has a digest of its own")
        finally:
            records.close()
        assert path.read_bytes() == damaged
    damaged = bytearray(whole)
    damaged[last - 50] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DeepkitError, match="damaged at byte"):
        studies.study(path)
    assert path.read_bytes() == damaged


def test_files_of_others_are_refused(tmp_path, finished):
    path = tmp_path / "other.study"
    path.write_text("learning_rate,accuracy\n" * 10)
    with pytest.raises(DeepkitError, match="is no study"):
        studies.study(path)
    assert path.read_text().startswith("learning_rate")
    with pytest.raises(DeepkitError, match="cannot write"):
        studies.study(tmp_path / "nowhere" / "a.study")
    with pytest.raises(DeepkitError, match="cannot read"):
        dk.sweeps.load(tmp_path / "missing.study", studies.net)
    path.write_bytes(b"")
    with pytest.raises(DeepkitError, match="holds no study"):
        dk.sweeps.load(path, studies.net)


def other_net(learning_rate=0.1, units=4):
    model = studies.net(learning_rate, units)
    model.compile(dk.optimizers.SGD(learning_rate, momentum=0.9), "bce", ["accuracy"])
    return model


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A file of a finished study, and what made it."""
    path = tmp_path_factory.mktemp("first") / "a.study"
    given = {"build": studies.net, "data": studies.blobs(), "grid": {"units": [2]}, "seeds": 2, "epochs": 1}
    given |= {"batch_size": 8, "resume": path, "verbose": 0}
    dk.sweep(**given)
    return path, given


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"learning_rate": [0.1]}}, "Its axes: "),
        ({"seeds": 3}, r"Its seeds: \[0, 1\]; those of this one: \[0, 1, 2\]"),
        ({"epochs": 2}, r"another number of epochs \(1, now 2\)"),
        ({"batch_size": 12}, r"another batch size \(8, now 12\)"),
        ({"shuffle": False}, "another model"),
        ({"build": other_net}, "another model"),
        ({"data": studies.blobs(1)}, "another data"),
        ({"data": (*studies.blobs(0), studies.blobs(1))}, "Its figures"),
    ],
)
def test_files_of_other_studies_are_refused(first, changes, message):
    path, given = first
    whole = path.read_bytes()
    with pytest.raises(DeepkitError, match=message):
        dk.sweep(**(given | changes))
    assert path.read_bytes() == whole


def test_one_writer_at_a_time(tmp_path, finished):
    path = tmp_path / "busy.study"
    shutil.copy(finished[0], path)
    records = Records(path, write=True)
    with pytest.raises(DeepkitError, match="another process"):
        studies.study(path)
    records.close()
    assert len(kept(path)) == studies.MEMBERS


def test_save_and_load(tmp_path):
    rows = studies.blobs()
    stop = dk.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    grid = {"optimizer": [dk.optimizers.Adam(0.01), "sgd"]}
    result = dk.sweep(varied, rows, grid=grid, seeds=[3, 5], epochs=4, callbacks=[stop], **WHOLE)
    path = tmp_path / "result.study"
    result.save(path)
    loaded = dk.sweeps.load(str(path), varied)
    same(result, loaded)
    assert loaded.axes["optimizer"][0] == dk.optimizers.Adam(0.01)
    assert loaded.frame().equals(result.frame())
    assert loaded.best("loss").number == result.best("loss").number
    np.testing.assert_array_equal(loaded.member(1).model.predict(rows[0]), result.member(1).model.predict(rows[0]))
    assert loaded.seconds == result.seconds
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(DeepkitError, match=r"Sweep\.save"):
        dk.sweep(varied, rows, grid=result.axes, seeds=[3, 5], epochs=4, resume=path, **WHOLE)


def varied(optimizer):
    x = dk.Input(3)
    h = dk.layers.Dropout(0.1)(dk.layers.BatchNormalization()(x))  # one layer with state, one without any array
    model = dk.Model(x, dk.layers.Dense(1, "sigmoid")(h))
    model.compile(optimizer, "bce")
    return model


def test_failures_are_kept_for_reading_and_tried_again(tmp_path):
    path = tmp_path / "failing.study"
    broken = True

    def build(units):
        if units == 3 and broken:
            raise RuntimeError("not today")
        return studies.net(units=units)

    arguments = {"grid": {"units": [2, 3]}, "seeds": 2, "epochs": 1, "resume": path, **WHOLE}
    with pytest.warns(DeepkitWarning, match="2 of 4 members failed"):
        dk.sweep(build, studies.blobs(), **arguments)
    assert dk.sweeps.load(path, build).failures() == dict.fromkeys([2, 3], "RuntimeError: not today")
    broken = False
    assert not dk.sweep(build, studies.blobs(), **arguments).failures()
    assert not dk.sweeps.load(path, build).failures()


def test_five_thousand_members_stay_small(tmp_path):
    """Written as a study writes them; the size of a member does not depend on what it has learnt."""
    result = dk.sweep(studies.net, studies.blobs(), seeds=2, epochs=500, **WHOLE)
    first, second = tmp_path / "one.study", tmp_path / "two.study"
    result.save(second)
    result.members[1].failure = "left out"
    result.save(first)
    each = second.stat().st_size - first.stat().st_size
    assert 5000 * each < 200e6 / 4


def test_pathlib_and_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    dk.sweep(studies.net, studies.blobs(), seeds=1, epochs=1, resume=pathlib.Path("~/a.study"), **WHOLE)
    assert (tmp_path / "a.study").exists()
