"""The model file: whole or absent, checked before it is believed, never executed."""

import json
from pathlib import Path

import numpy as np
import pytest

from autopq import artifact
from autopq.errors import ArtifactError
from autopq.state import State


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    components = {
        "forecaster": State({"w": np.arange(6, dtype=np.float32).reshape(2, 3)}, {"rounds": 7}),
        "quantile_model": State({}, {"spread": 0.25, "none": None}),
    }
    artifact.save(tmp_path / "m", components, {"config": {"horizon": 24}})
    return tmp_path / "m"


def test_components_and_settings_come_back(saved: Path) -> None:
    components, settings = artifact.load(saved)
    np.testing.assert_array_equal(
        components["forecaster"].arrays["w"], np.arange(6, dtype=np.float32).reshape(2, 3)
    )
    assert components["forecaster"].meta == {"rounds": 7}
    assert components["quantile_model"].meta == {"spread": 0.25, "none": None}
    assert settings == {"config": {"horizon": 24}}


def test_nothing_but_the_two_files_is_written(saved: Path) -> None:
    assert {path.name for path in saved.iterdir()} == {"model.json", "model.safetensors"}
    assert [path.name for path in saved.parent.iterdir()] == ["m"]


def test_an_existing_model_is_never_overwritten(saved: Path) -> None:
    with pytest.raises(FileExistsError):
        artifact.save(saved, {}, {})


def test_a_changed_tensor_is_noticed(saved: Path) -> None:
    tensors = saved / "model.safetensors"
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    with pytest.raises(ArtifactError, match="checksum"):
        artifact.load(saved)


def test_another_format_is_refused(saved: Path) -> None:
    document = json.loads((saved / "model.json").read_text())
    (saved / "model.json").write_text(json.dumps(document | {"format": 99}))
    with pytest.raises(ArtifactError, match="99"):
        artifact.load(saved)


@pytest.mark.parametrize("lost", ["model.json", "model.safetensors"])
def test_a_missing_file_is_named(saved: Path, lost: str) -> None:
    (saved / lost).unlink()
    with pytest.raises(ArtifactError, match="no readable model"):
        artifact.load(saved)
