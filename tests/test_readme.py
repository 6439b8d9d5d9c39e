"""The README's code blocks run, one after another, as a reader would paste them."""

import pathlib
import re

README = pathlib.Path(__file__).parent.parent / "README.md"


def test_code_blocks(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) >= 4
    names: dict[str, object] = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"README.md, block {number + 1}", "exec"), names)
    assert (tmp_path / "learning_curves.png").stat().st_size > 10_000
    assert (tmp_path / "wine.deepkit").exists()
    assert "(13, 16)" in capsys.readouterr().out
