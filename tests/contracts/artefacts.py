"""What the service asks of every store of artefacts.

A subclass gives the fixture `store`, an empty store, and `tamper`, which writes other bytes over
a blob past the store.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.artefacts import ArtefactStore, DamagedArtefactError, MissingArtefactError

Tamper = Callable[[str, bytes], None]
SHA256_OF_ONE = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"


class ArtefactStoreContract:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        """A folder with a folder in it, and an empty file."""
        folder = tmp_path / "model"
        (folder / "member0").mkdir(parents=True)
        (folder / "model.json").write_text('{"ä": 1}', encoding="utf-8")
        (folder / "member0/weights").write_bytes(bytes(range(256)) * 20_000)
        (folder / "member0/empty").write_bytes(b"")
        return folder

    def test_a_file_comes_back(self, store: ArtefactStore, tmp_path: Path) -> None:
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(b"timestamp,load\n")
        store.put("datasets/ds_1", source)
        store.fetch("datasets/ds_1", target)
        assert target.read_bytes() == b"timestamp,load\n"

    def test_a_folder_comes_back(self, store: ArtefactStore, model: Path, tmp_path: Path) -> None:
        store.put("models/job_1-1", model)
        target = tmp_path / "target"
        store.fetch("models/job_1-1", target)
        files = [path.relative_to(model) for path in model.rglob("*") if path.is_file()]
        assert len(files) == 3
        for file in files:
            assert (target / file).read_bytes() == (model / file).read_bytes()

    def test_what_is_there_already_stays(
        self, store: ArtefactStore, model: Path, tmp_path: Path
    ) -> None:
        """Two processes of a machine may fetch the same at once."""
        store.put("models/job_1-1", model)
        target = tmp_path / "target"
        for _ in range(2):
            store.fetch("models/job_1-1", target)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "target"]

    def test_putting_again_replaces(self, store: ArtefactStore, tmp_path: Path) -> None:
        source, target = tmp_path / "source", tmp_path / "target"
        for content in (b"1", b"2"):
            source.write_bytes(content)
            store.put("datasets/ds_1", source)
        store.fetch("datasets/ds_1", target)
        assert target.read_bytes() == b"2"

    def test_what_was_never_put_is_missing(self, store: ArtefactStore, tmp_path: Path) -> None:
        with pytest.raises(MissingArtefactError, match="models/job_1-1"):
            store.fetch("models/job_1-1", tmp_path / "target")
        assert list(tmp_path.iterdir()) == []

    def test_other_bytes_are_noticed(
        self, store: ArtefactStore, tamper: Tamper, tmp_path: Path
    ) -> None:
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(b"1\n")
        store.put("datasets/ds_1", source)
        (blob,) = (name for name in blobs_of(store, "datasets/ds_1") if "manifest" not in name)
        tamper(blob, b"2\n")
        with pytest.raises(DamagedArtefactError, match="datasets/ds_1"):
            store.fetch("datasets/ds_1", target)
        assert [path.name for path in tmp_path.iterdir()] == ["source"]

    @pytest.mark.parametrize(
        "manifest",
        [
            b"",
            b"[]",
            b'{"files": {"../outside": {"sha256": "0"}}}',
            b'{"files": {"/outside": {"sha256": "0"}}}',
        ],
    )
    def test_a_manifest_that_cannot_be_is_refused(
        self, store: ArtefactStore, tamper: Tamper, tmp_path: Path, manifest: bytes
    ) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"1")
        store.put("datasets/ds_1", source)
        tamper("datasets/ds_1/manifest.json", manifest)
        with pytest.raises(DamagedArtefactError):
            store.fetch("datasets/ds_1", tmp_path / "target")
        assert [path.name for path in tmp_path.iterdir()] == ["source"]

    def test_without_its_manifest_nothing_is_there_but_it_is_listed(
        self, store: ArtefactStore, tamper: Tamper, tmp_path: Path
    ) -> None:
        """As when whoever put it was killed before the end."""
        tamper(f"models/job_1-1/{SHA256_OF_ONE}", b"1\n")
        with pytest.raises(MissingArtefactError):
            store.fetch("models/job_1-1", tmp_path / "target")
        assert list(store.names("models")) == ["models/job_1-1"]

    def test_names_say_when(self, store: ArtefactStore, model: Path, tmp_path: Path) -> None:
        assert store.names("models") == {}
        store.put("models/job_1-1", model)
        store.put("models/job_1-2", model)
        store.put("datasets/ds_1", model / "model.json")
        found = store.names("models")
        assert sorted(found) == ["models/job_1-1", "models/job_1-2"]
        ages = [datetime.now(UTC) - written for written in found.values()]
        assert all(abs(age) < timedelta(minutes=5) for age in ages)

    def test_deleting(self, store: ArtefactStore, model: Path, tmp_path: Path) -> None:
        store.put("models/job_1-1", model)
        store.put("models/job_1-10", model)
        store.delete("models/job_1-1")
        store.delete("models/job_1-1")
        assert list(store.names("models")) == ["models/job_1-10"]
        with pytest.raises(MissingArtefactError):
            store.fetch("models/job_1-1", tmp_path / "target")


def blobs_of(store: ArtefactStore, name: str) -> list[str]:
    return [key for key, _ in store._blobs.list(name)]
