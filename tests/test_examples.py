"""Every example runs as a user would run it: a process of its own, in another directory, and a picture at the end.

The processes are forked from one that has imported the libraries, and has not yet started JAX: fifty imports would be a
tenth of the time of all tests. The demo, which stands for the README's command, starts from nothing.
"""

import multiprocessing
import os
import pathlib
import runpy
import subprocess
import sys
import warnings

import pytest
from example_claims import broken_claims

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
OPTIMISED = {
    "a03_hills", "b07_hundred_layers", "c03_learning_rate_study", "c04_depth_without_nonlinearity", "c05_iris",
    "c07_hidden_units",
}  # fmt: skip
"""What computes for longer than it compiles: XLA compiles it as it does for users, and not as it does for tests."""
SCRIPTS = sorted(
    (path for path in EXAMPLES.glob("*.py") if path.name not in ("reporting.py", "demo.py")),
    key=lambda path: (path.stem not in OPTIMISED, path),  # those that take long first
)
NEEDS = {
    "b02_heart_disease.py": "heart-disease/processed.cleveland.data",
    "b08_baselines.py": "heart-disease/processed.cleveland.data",
    "a08_auto_mpg.py": "auto-mpg/auto-mpg.data",
    "c16_batch_norm.py": "wine-quality/winequality-red.csv",
    "c14_wine_quality.py": "wine-quality/winequality-red.csv",
    "c15_normalisation.py": "wine-quality/winequality-red.csv",
    "c17_activations.py": "wine-quality/winequality-red.csv",
    "c18_residual_sugar.py": "wine-quality/winequality-red.csv",
    "d02_nearest_neighbours.py": "cifar-10/cifar-10-batches-bin/test_batch.bin",
    "d03_linear_classifiers.py": "cifar-10/cifar-10-batches-bin/test_batch.bin",
    "d06_fully_connected.py": "cifar-10/cifar-10-batches-bin/test_batch.bin",
    "d15_residual_network.py": "cifar-10/cifar-10-batches-bin/test_batch.bin",
    "d15_depth.py": "cifar-10/cifar-10-batches-bin/test_batch.bin",
    "d16_feature_maps.py": "cifar-10/cifar-10-batches-bin/test_batch.bin",
    "d17_character_rnn.py": "shakespeare/input.txt",
}
ROWS = {
    "A": (2, 3, 4, 7, 8),
    "B": (1, 2, 4, 5, 6, 7, 8),
    "C": tuple(range(2, 22)),
    "D": (1, 2, 3, 4, 6, 8, 9, *range(11, 19)),
}
"""Of every part of the course."""


USERS_ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"}


def require(name: str) -> None:
    """Skip where an example's file cannot be had; under CI that is a failure."""
    directory = os.environ.get("DEEPKIT_DATA")
    if name in NEEDS and not (directory and (pathlib.Path(directory) / NEEDS[name]).exists()):
        message = f"{NEEDS[name]} is not in $DEEPKIT_DATA"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def test_every_row_has_its_example():
    found = {script.name.split("_")[0] for script in SCRIPTS}
    assert {f"{part.lower()}{number:02d}" for part, numbers in ROWS.items() for number in numbers} <= found


LIBRARIES = [
    "deepkit", "deepkit.sweeps", "deepkit.ensembles", "deepkit.plots.picture", "matplotlib.backends.backend_agg",
    "PIL.PngImagePlugin", "pandas", "sklearn.datasets", "jaxlib.mlir.dialects.mhlo",
]  # fmt: skip


@pytest.fixture(scope="module")
def processes():
    """Where processes come from that have the libraries at hand."""
    flags = os.environ.pop("XLA_FLAGS", None)
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(LIBRARIES)
    forks.Process(target=int).start()  # with the first process the server starts, and takes the environment over
    if flags is not None:
        os.environ["XLA_FLAGS"] = flags
    return forks


def as_main(script: pathlib.Path, folder: pathlib.Path, flags: str) -> None:
    """`python -W error script --out pictures` in `folder`, with what it says in two files there."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"  # JAX has not yet started
    os.chdir(folder)
    for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), stream.fileno())
    warnings.simplefilter("error")
    sys.argv = [str(script), "--out", "pictures"]
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example(script, tmp_path, processes):
    require(script.name)
    flags = "" if script.stem in OPTIMISED else os.environ.get("XLA_FLAGS", "")
    process = processes.Process(target=as_main, args=(script, tmp_path, flags))
    process.start()
    process.join(120)
    if process.is_alive():
        process.kill()
        pytest.fail(f"{script.name} takes more than two minutes")
    printed = (tmp_path / "stdout").read_text()
    assert process.exitcode == 0, (tmp_path / "stderr").read_text()[-3000:]
    pictures = list((tmp_path / "pictures").glob(f"{script.stem.split('_')[0]}*.png"))
    assert pictures, f"{script.name} wrote no picture"
    assert all(picture.stat().st_size > 5_000 for picture in pictures)
    assert "expected" in printed
    assert not broken_claims(script.stem, printed), printed


def test_demo_needs_no_network(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "demo.py"), "--out", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **USERS_ENVIRONMENT,
            "DEEPKIT_DATA": "",
            "http_proxy": "http://127.0.0.1:9",
            "https_proxy": "http://127.0.0.1:9",
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "read back: weights equal: True; predictions on raw rows equal: True" in done.stdout
    assert {"learning_curves.png", "weights.npz", "model.deepkit"} <= {path.name for path in tmp_path.iterdir()}
    accuracy = float(done.stdout.split("test accuracy ")[1].split()[0])
    majority = float(done.stdout.split("majority class alone: ")[1].split(")")[0])
    assert accuracy > majority + 0.2


def test_demo_on_heart_disease(tmp_path):
    require("b02_heart_disease.py")
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py"), "--data", os.environ["DEEPKIT_DATA"], "--out", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "303 rows" in done.stdout or "303" in done.stdout
    assert float(done.stdout.split("test accuracy ")[1].split()[0]) > 0.7
