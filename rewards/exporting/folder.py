"""The files of a dataset: written side by side as a stream, then handed to the storage."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from django.core.files import File
from django.core.files.storage import default_storage

from rewards.formats.cards import DatasetFile
from rewards.formats.row_files import Columns, Row, RowWriter, open_writer

ROOT = "exports"


class StoredFile(NamedTuple):
    """A file of the dataset and its name in the default storage."""

    file: DatasetFile
    stored_as: str


class _SplitFile(NamedTuple):
    path: Path
    file: BinaryIO
    writer: RowWriter


class _Finished(File):  # type: ignore[type-arg]
    """A file on this machine that a file-system storage may move instead of copying it."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        super().__init__(file, name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


class SplitFiles:
    """One file of rows for each split, open together."""

    def __init__(self, folder: Path, splits: Iterable[str], file_type: str, columns: Columns) -> None:
        self._file_type = file_type
        self._open: dict[str, _SplitFile] = {}
        for split in splits:
            path = folder / f"{split}.{file_type}"
            file = path.open("wb")
            self._open[split] = _SplitFile(path, file, open_writer(file_type, file, columns))

    def write(self, rows: Mapping[str, Iterable[Row]]) -> None:
        for split, of_split in rows.items():
            self._open[split].writer.write_rows(of_split)

    def store(self, prefix: str) -> Iterator[StoredFile]:
        """Finish each file and move it into the storage below `prefix`."""
        for split, (path, file, writer) in self._open.items():
            summary = writer.close()
            file.close()
            name = f"data/{path.name}"
            with path.open("rb") as finished:
                stored_as = default_storage.save(f"{prefix}/{name}", _Finished(path, finished))
            yield StoredFile(DatasetFile(name, split, summary.rows, summary.bytes, summary.sha256), stored_as)

    def close(self) -> None:
        for _, file, _ in self._open.values():
            file.close()


@contextmanager
def split_files(
    splits: Iterable[str], file_type: str, columns: Columns, *, prefix: str = "building-"
) -> Iterator[SplitFiles]:
    """Open the files in a folder of their own, beside the storage where that is on this machine; it is removed.

    `prefix` begins the folder's name; folders that an earlier, killed attempt left under it are removed as well.
    """
    near = _near_the_storage()
    for left_behind in near.glob(f"{prefix}*") if near else ():
        shutil.rmtree(left_behind, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=near) as folder:
        files = SplitFiles(Path(folder), splits, file_type, columns)
        try:
            yield files
        finally:
            files.close()


def remove_stored(names: Iterable[str]) -> None:
    """Delete files from the storage; one that is not there is no error."""
    for name in names:
        default_storage.delete(name)


def _near_the_storage() -> Path | None:
    try:
        folder = Path(default_storage.path(ROOT))
    except NotImplementedError:
        return None
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
