"""A study that is spread over the workers of an executor is the same study; workers may die."""

from __future__ import annotations

import multiprocessing
import os
import threading
import warnings
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import studies

import deepkit as dk
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitWarning
from deepkit.sweeps.engine import Own, Recipe, Task
from deepkit.sweeps.executors import TRIES, Tiles, spread
from deepkit.sweeps.members import Group, Member
from deepkit.sweeps.workers import Failed, Finished, Job, Report

RATES = {"learning_rate": [0.05, 0.1, 0.2]}
WHOLE = {"batch_size": None, "shuffle": False}
"""A smaller program, which compiles sooner."""


def run(build=studies.net, data=None, **arguments):
    data = studies.blobs() if data is None else data
    return dk.sweep(build, data, **({"grid": RATES, "seeds": 4, "epochs": 3, "verbose": 0} | WHOLE | arguments))


def same(a, b):
    assert not a.failures() and not b.failures()
    np.testing.assert_allclose(a.history, b.history, rtol=1e-4, atol=1e-5)
    rows = studies.blobs()[0]
    for number in (0, len(a) - 1):
        np.testing.assert_allclose(
            a.member(number).model.predict(rows), b.member(number).model.predict(rows), rtol=1e-3, atol=1e-4
        )


def test_processes_of_which_one_is_killed(tmp_path, monkeypatch):
    monkeypatch.setenv(studies.FOLDER, str(tmp_path))
    monkeypatch.setenv("DEEPKIT_TEST_PARENT", str(os.getpid()))
    path = tmp_path / "a.study"
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        result = run(studies.net_that_kills, executor=executor, resume=path)
    assert (tmp_path / "killed").exists()
    same(result, run())
    assert not dk.sweeps.load(path, studies.net).failures()


def test_dask():
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what dask's event loop says of its own
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            result = run(executor=client.get_executor(), grid=RATES | {"units": [2, 3]}, data=studies.blobs)
    same(result, run(grid=RATES | {"units": [2, 3]}, data=studies.blobs))


def test_threads_and_a_setting_that_fails():
    def failing():
        with ThreadPoolExecutor(2) as executor, pytest.warns(DeepkitWarning, match="4 of 8 members failed"):
            return run(studies.net, executor=executor, grid={"units": [3, -1]}, resume=None)

    result = failing()
    assert set(result.failures()) == {4, 5, 6, 7}
    assert "units" in result.failures()[4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"build": lambda learning_rate: studies.net(learning_rate)}, "build is a lambda function"),
        ({"data": lambda seed: studies.blobs(seed)}, "data is a lambda function"),
        ({"executor": 4}, "executor is 4"),
    ],
)
def test_refused_before_anything_starts(arguments, message):
    executor = ProcessPoolExecutor(1)  # starts no process before it is given work
    with pytest.raises(DeepkitTypeError, match=message):
        run(**({"executor": executor} | arguments))
    assert not executor._processes
    executor.shutdown()


def test_an_executor_that_is_shut_down():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(DeepkitError, match="takes no work"):
        run(executor=executor)


def test_lengths_of_training():
    # Eight and four batches an epoch: at equal updates the setting's epochs are not those of the member.
    grid = {"epochs": [1, 4], "batch_size": [3, 6]}
    arguments = {"grid": grid, "epochs": None, "batch_size": 32, "equal": "updates", "seeds": 3}
    with ThreadPoolExecutor(2) as executor:
        result = run(executor=executor, data=studies.blobs, **arguments)
    here = run(data=studies.blobs, **arguments)
    assert result.epochs.tolist() == here.epochs.tolist() == [1] * 3 + [1] * 3 + [2] * 3 + [4] * 3
    same(result, here)


class Workers(ThreadPoolExecutor):
    """Workers that fail with some members."""

    def __init__(self, bad, times=1000):
        super().__init__(2)
        self.bad, self.times, self.tried = bad, times, []

    def submit(self, call, job, tile, width):
        numbers = [number for number, *_ in tile.members]
        self.tried += numbers
        future: Future = Future()
        if self.bad & set(numbers) and self.times > 0:
            self.times -= 1
            future.set_exception(MemoryError("too large"))
        else:
            future.set_result(Report([Finished(n, ("loss",), np.zeros((1, 1)), ({}, {})) for n in numbers], []))
        return future


def spread_over(workers, members=20):
    job = Job(studies.net, None, (), True, ())
    everyone = [Member(n, {}, 0) for n in range(members)]
    model, shared = studies.net(), Own(None, None, ({}, {}))
    recipe = Recipe(model, (), shared, frozenset(), batch_size=8, epochs=1, shuffle=True, transitions=())
    group = Group(recipe, [Task(n, 0, (), model, 1, None) for n in range(members)])
    tiles = Tiles([group], everyone, frozenset({3}), workers)
    return list(spread(workers, job, tiles, None, [], threading.Event()))


def test_one_bad_member_costs_no_other():
    workers = Workers({7})
    results = spread_over(workers)
    assert sorted(result.member for result in results) == [0, 1, 2, *range(4, 20)]
    failed = [result for result in results if isinstance(result, Failed)]
    assert failed == [Failed(7, "MemoryError: too large")]
    assert workers.tried.count(7) <= 2 * TRIES and workers.tried.count(0) == 1


def test_a_worker_that_recovers():
    results = spread_over(Workers({7}, times=2))
    assert sorted(result.member for result in results) == [0, 1, 2, *range(4, 20)]
    assert all(isinstance(result, Finished) for result in results)


def test_workers_that_never_do_anything():
    with pytest.raises(DeepkitError, match="no worker of the executor finished anything"):
        spread_over(Workers(set(range(100))), members=100)
