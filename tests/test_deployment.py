"""The files under `deploy/`, the image and the documents say the same as the code: every setting
they name exists and takes the value, every command is there, and nothing but the proxy is open."""

import os
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import OTHER_VARIABLES, PREFIX, Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMAGE = "autopq-service"
SECRETS = "/run/secrets"
OURS = {"autopq", "ray"}
_NAMED = re.compile(rf"\b{PREFIX}[A-Z_]+[A-Z]\b")
_GIVEN = re.compile(r"\$\{(\w+):-([^}]*)\}")


def texts() -> list[Path]:
    files = [ROOT / "Dockerfile", ROOT / "docker-compose.yml", ROOT / "README.md"]
    return [
        *files,
        DEPLOY / "compose.yml",
        DEPLOY / "Caddyfile",
        *MANIFESTS,
        *ROOT.glob("docs/*.md"),
    ]


def composition(file: Path) -> dict[str, Any]:
    """With what variables are by default."""
    return dict(yaml.safe_load(_GIVEN.sub(r"\2", file.read_text())))


COMPOSED = composition(DEPLOY / "compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]


def documents() -> Iterator[dict[str, Any]]:
    for file in MANIFESTS:
        yield from yaml.safe_load_all(file.read_text())


def pods() -> dict[str, dict[str, Any]]:
    """Specifications by the container's name, which differ but for the two kinds of Ray workers."""
    found = {}
    for document in documents():
        spec = document.get("spec", {})
        groups = [spec.get("headGroupSpec"), *spec.get("workerGroupSpecs", [])]
        for holder in (spec, *filter(None, groups)):
            if "template" in holder:
                pod = holder["template"]["spec"]
                kind = holder.get("groupName", pod["containers"][0]["name"])
                found[kind] = pod
    return found


@pytest.mark.parametrize("file", texts(), ids=lambda file: file.name)
def test_every_variable_that_is_named_is_a_setting(file: Path) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    assert set(_NAMED.findall(file.read_text())) <= known


def take(variables: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that a process with these variables would have, and secrets in `folder`."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        assert isinstance(value, str | int), f"{name} is no text"
        told = str(value)
        if told.startswith(SECRETS):
            told = str(folder / Path(told).name)
            Path(told).write_text("secret")
        monkeypatch.setenv(name, told)
    return Settings()


@pytest.mark.parametrize("name", ["api", "supervisor"])
def test_processes_of_the_composition_start_with_their_settings(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = take(SERVICES[name]["environment"], tmp_path, monkeypatch)
    assert (settings.serve_api, settings.supervise) == (name == "api", name == "supervisor")
    assert settings.engine == "ray"
    assert settings.ray_token_file is not None
    assert settings.resolved_database_url == "postgresql://autopq:secret@db/autopq"


@pytest.mark.parametrize("name", ["api", "supervisor"])
def test_pods_start_with_their_settings(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shared,) = (d["data"] for d in documents() if d["kind"] == "ConfigMap")
    (container,) = pods()[name]["containers"]
    own = {variable["name"]: variable["value"] for variable in container["env"]}
    settings = take(shared | own, tmp_path, monkeypatch)
    assert (settings.serve_api, settings.supervise) == (name == "api", name == "supervisor")
    assert settings.resolved_database_url == "postgresql://autopq:secret@postgres/autopq"
    mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
    for variable, file in shared.items():
        if variable.endswith("_FILE"):
            assert str(Path(file).parent) in mounted


def test_only_the_proxy_is_open() -> None:
    assert [name for name, one in SERVICES.items() if "ports" in one] == ["proxy"]
    assert COMPOSED["networks"]["inside"]["internal"] is True
    outside = {name for name, one in SERVICES.items() if "inside" not in one["networks"]}
    assert outside == {"proxy"}
    for one in SERVICES.values():
        assert not {"privileged", "network_mode", "pid"} & one.keys()
    services = [d for d in documents() if d["kind"] == "Service"]
    assert [service["spec"].get("type", "ClusterIP") for service in services] == ["ClusterIP"]


def test_rays_processes_want_the_token() -> None:
    ray = [one for one in SERVICES.values() if one.get("command", [""])[0] == "ray"]
    assert len(ray) == 3
    for one in ray:
        assert one["environment"]["RAY_AUTH_MODE"] == "token"
        assert Path(one["environment"]["RAY_AUTH_TOKEN_PATH"]).name in one["secrets"]
    (cluster,) = (d for d in documents() if d["kind"] == "RayCluster")
    assert cluster["spec"]["authOptions"] == {"mode": "token"}


def test_jobs_find_data_and_secrets_where_the_service_has_them() -> None:
    """A worker on Ray is told the service's settings, paths among them."""
    for name in ("supervisor", "ray-worker", "ray-worker-gpu"):
        assert SERVICES[name]["volumes"] == SERVICES["api"]["volumes"]
        assert set(SERVICES[name]["secrets"]) >= {"database-password"}
    wanted = pods()["supervisor"]["containers"][0]["volumeMounts"]
    shared = [mount for mount in wanted if mount["name"] in ("data", "database")]
    for kind in ("cpu", "gpu"):
        (container,) = pods()[kind]["containers"]
        assert [m for m in container["volumeMounts"] if m in shared] == shared


def test_everything_a_composition_refers_to_is_there() -> None:
    for one in SERVICES.values():
        assert set(one.get("secrets", [])) <= COMPOSED["secrets"].keys()
        assert set(one["networks"]) <= COMPOSED["networks"].keys()
        assert set(one.get("depends_on", {})) <= SERVICES.keys()
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSED["volumes"] or (DEPLOY / source).is_file()
    for pod in pods().values():
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {m["name"] for m in pod["containers"][0]["volumeMounts"]} == volumes


def test_what_is_run_is_installed_in_the_image() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", dockerfile, re.MULTILINE)
    assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()
    scripts = {entry.name for entry in distribution("autopq-service").entry_points}
    assert "autopq" in scripts
    assert any(need.startswith("ray[") for need in PROJECT["optional-dependencies"]["cluster"])
    commands = [one["command"][0] for one in SERVICES.values() if "command" in one]
    commands += re.findall(r'^CMD \["(\w+)"', dockerfile, re.MULTILINE)
    assert set(commands) == OURS
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_images_are_of_this_version_and_everything_has_a_check() -> None:
    of_ours = [one["image"] for one in SERVICES.values() if one["image"].startswith(IMAGE)]
    of_ours += [pod["containers"][0]["image"] for pod in pods().values()]
    version = PROJECT["version"]
    assert set(of_ours) == {f"{IMAGE}:{version}", f"{IMAGE}:{version}-cuda"}
    assert composition(ROOT / "docker-compose.yml")["services"]["autopq"]["image"] in of_ours
    checked_by_image = {"api", "supervisor"}
    for name, one in SERVICES.items():
        assert "healthcheck" in one or name in checked_by_image | {"proxy"}
    for pod in pods().values():
        assert "livenessProbe" in pod["containers"][0]
        assert pod["securityContext"]["runAsNonRoot"] is True
    (cluster,) = (d for d in documents() if d["kind"] == "RayCluster")
    pinned = (ROOT / "requirements-cluster.lock").read_text()
    assert f"ray=={cluster['spec']['rayVersion']}\n" in pinned
