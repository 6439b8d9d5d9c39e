"""A file that only grows: records one behind another, each with a digest that the one before goes into.

    16 bytes     `deepkit study 1\\n`
    per record   8 bytes length, 16 bytes digest of the record and of all before it, 8 bytes digest of these 24
    its content  so many bytes

A process that is killed while it writes leaves a record cut off; it is the last one, and is dropped when the file is
read. Anything else that is wrong (a flipped bit, a piece that is missing or from elsewhere) is found and refused.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterator
from typing import IO

from deepkit.errors import DeepkitValueError

MAGIC = b"deepkit study 1\n"
_HEAD = 32


class Records:
    """A file of records, open to be read once from its start and then written to at its end.

    Args:
        path: The file; made if `write` and it is not there, with nothing in it.
        write: Whether records will be added. No other process may be writing to it then.
    """

    def __init__(self, path: pathlib.Path, write: bool) -> None:
        self.path = path
        self.torn = 0
        """Bytes of a last record that was cut off, once all records were read."""
        try:
            # "a+b" would write at the end whatever stands there, and "r+b" wants a file that is there.
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._file: IO[bytes] = os.fdopen(os.open(path, flags, 0o666), "r+b") if write else path.open("rb")
        except OSError as error:
            verb = "write" if write else "read"
            raise DeepkitValueError(
                f"cannot {verb} {path}: {error.strerror or error}. Check its name, and that its folder is there."
            ) from error
        if write:
            self._lock()
        self._digest = b""

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # no such locks on Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise DeepkitValueError(
                f"another process is writing to {self.path}. Wait until it is done, or give this study another file."
            ) from None

    def read(self) -> Iterator[bytes]:
        """All records from the start. Afterwards the file ends behind the last whole one."""
        size = os.fstat(self._file.fileno()).st_size
        start = self._file.read(len(MAGIC))
        if start != MAGIC:
            if MAGIC.startswith(start):
                self.torn = len(start)
                self._file.seek(0)
                return
            raise DeepkitValueError(
                f"{self.path} is no study: it does not start as one. Give the file that sweep(resume=…) or Sweep.save "
                "wrote, or a name that is still free."
            )
        position = len(MAGIC)
        while position < size:
            self._file.seek(position)
            head = self._file.read(_HEAD)
            end = position + _HEAD + int.from_bytes(head[:8], "little")
            if len(head) == _HEAD and head[24:] != _digest(head[:24], 8):
                if not any(head) and not any(self._file.read()):
                    break  # a machine that lost its power: room was made, and nothing written into it
                raise self._damaged(position)
            if len(head) < _HEAD or end > size:
                break
            content = self._file.read(end - position - _HEAD)
            digest = _digest(self._digest + content, 16)
            if digest != head[8:24]:
                if end == size:
                    break
                raise self._damaged(position)
            self._digest, position = digest, end
            yield content
        self.torn = size - position
        self._file.seek(position)

    def _damaged(self, position: int) -> DeepkitValueError:
        return DeepkitValueError(
            f"{self.path} is damaged at byte {position:,}: what stands there is not what was written. Nothing was "
            "changed in it. Take a copy that is whole, or give the study a new file."
        )

    def append(self, content: bytes) -> None:
        """Add a record, and have it on the disk before this returns."""
        self._digest = _digest(self._digest + content, 16)
        head = len(content).to_bytes(8, "little") + self._digest
        start = MAGIC if self._file.tell() == 0 else b""
        self._file.truncate()  # what was left of a record that was cut off
        self._file.write(start + head + _digest(head, 8) + content)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the next one write."""
        self._file.close()


def _digest(data: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, digest_size=size).digest()
