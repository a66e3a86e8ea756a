"""A fitted model on disk: tensors as safetensors, everything else as JSON, nothing executable.

model.json           format, versions, settings, one `meta` a component, sha256 of the tensors
model.safetensors    arrays, named `component/array`
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from autopq.errors import ArtifactError
from autopq.state import State

FORMAT = 1
JSON_NAME = "model.json"
TENSORS_NAME = "model.safetensors"


def save(directory: Path, components: Mapping[str, State], settings: Mapping[str, Any]) -> None:
    """Write the model to `directory`, which must not exist; it appears whole or not at all."""
    if directory.exists():
        raise FileExistsError(directory)
    draft = directory.with_name(directory.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    arrays = {
        f"{component}/{name}": np.ascontiguousarray(array)
        for component, state in components.items()
        for name, array in state.arrays.items()
    }
    save_file(arrays, draft / TENSORS_NAME)
    document = {
        "format": FORMAT,
        "sha256": _sha256(draft / TENSORS_NAME),
        "settings": settings,
        "components": {name: state.meta for name, state in components.items()},
    }
    with (draft / JSON_NAME).open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, allow_nan=True)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(directory)


def load(directory: Path) -> tuple[dict[str, State], dict[str, Any]]:
    """Components and settings of a saved model.

    Raises ArtifactError when a part is missing, damaged or of another format.
    """
    try:
        document = json.loads((directory / JSON_NAME).read_text(encoding="utf-8"))
        version = document["format"]
        if version != FORMAT:
            raise ArtifactError(f"model format {version}; this software reads {FORMAT}")
        if _sha256(directory / TENSORS_NAME) != document["sha256"]:
            raise ArtifactError(f"{TENSORS_NAME} does not match the checksum in {JSON_NAME}")
        arrays = load_file(directory / TENSORS_NAME)
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"no readable model in '{directory.name}': {error}") from error
    components = {name: State({}, meta) for name, meta in document["components"].items()}
    for key, array in arrays.items():
        component, name = key.split("/", 1)
        components[component].arrays[name] = array
    return components, document["settings"]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
