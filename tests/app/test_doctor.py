"""`autopq config` and `autopq doctor`, and what keeps the service from starting."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.accounts import service as accounts
from app.accounts.schemas import KeyCreate
from app.cli.application import app
from app.core import migrations
from app.core.file_systems import is_network
from app.core.schema import open_database
from app.doctor import checks
from app.doctor.checks import Diagnosis
from app.settings import Settings

GOLDEN = Path(__file__).parent / "golden"


def autopq(*arguments: str, code: int = 0, **environment: str) -> Result:
    done = CliRunner(env=environment).invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "autopq.sqlite3"


def by_check(found: Iterator[Diagnosis]) -> dict[str, Diagnosis]:
    return {diagnosis.check: diagnosis for diagnosis in found}


class TestConfig:
    def test_values_and_where_they_are_from(self, tmp_path: Path) -> None:
        done = autopq("config", "--json", "--data-dir", str(tmp_path), AUTOPQ_MAX_ROWS="7")
        shown = {setting["variable"]: setting for setting in json.loads(done.stdout)}
        assert shown["AUTOPQ_DATA_DIR"]["source"] == "option"
        assert (shown["AUTOPQ_MAX_ROWS"]["value"], shown["AUTOPQ_MAX_ROWS"]["source"]) == (
            7,
            "environment",
        )
        assert shown["AUTOPQ_PORT"]["source"] == "default"
        assert all(setting["description"] for setting in shown.values())

    @pytest.mark.parametrize(
        "url", ["postgresql://me:hush@db/autopq", "postgresql://db/autopq?password=hush&user=me"]
    )
    def test_passwords_are_not_shown(self, url: str) -> None:
        for form in ((), ("--json",)):
            shown = autopq("config", *form, AUTOPQ_DATABASE_URL=url).stdout
            assert "hush" not in shown
            assert "db/autopq" in shown

    def test_unusable_settings_are_named(self) -> None:
        done = autopq("config", code=2, AUTOPQ_PORT="high")
        assert "AUTOPQ_PORT" in done.output


class TestDoctor:
    def test_a_fresh_machine(self, tmp_path: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        done = autopq("doctor", "--json", "--data-dir", str(tmp_path / "new"), AUTOPQ_PORT=port)
        found = {check["check"]: check for check in json.loads(done.stdout)}
        assert not [check for check in found.values() if check["level"] == "problem"]
        assert found["torch"]["level"] == "ok"
        assert not (tmp_path / "new").exists()

    def test_a_problem_ends_with_a_code_and_a_mend(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = autopq("doctor", "--data-dir", str(tmp_path / "file"), code=1)
        assert "AUTOPQ_DATA_DIR" in done.output

    def test_misspelt_variables(self) -> None:
        found = checks.variables({"AUTOPQ_PROT": "1", "AUTOPQ_PORT": "1", "AUTOPQ_API_KEY": "x"})
        assert found.level == "warning"
        assert "AUTOPQ_PROT:" in found.detail

    def test_a_folder_that_everybody_reads(self, settings: Settings, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        assert checks.data_folder(settings).level == "warning"
        tmp_path.chmod(0o700)
        assert checks.data_folder(settings).level == "ok"

    def test_a_port_that_somebody_has(self, tmp_path: Path, service: Any) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            other.setblocking(False)
            taken = Settings(data_dir=tmp_path, port=other.getsockname()[1])
            other.close()
            assert checks.port(taken).level == "ok"
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = Settings(data_dir=tmp_path, port=other.getsockname()[1])
            assert checks.port(taken).level == "problem"
        ours = Settings(data_dir=tmp_path, port=service.http.base_url.port)
        assert "runs" in checks.port(ours).detail

    def test_databases(self, settings: Settings, file: Path) -> None:
        assert by_check(checks.database(settings))["database"].level == "ok"
        assert not file.exists()
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript((GOLDEN / "0001.sql").read_text())
        assert by_check(checks.database(settings))["database"].level == "warning"
        opened = open_database(f"sqlite:///{file}")
        migrations.upgrade(opened.engine)
        opened.close()
        assert by_check(checks.database(settings))["database"].level == "ok"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE autopq_alembic_version SET version_num = '9999'")
            connection.commit()
        found = by_check(checks.database(settings))["database"]
        assert found.level == "problem"
        assert "9999" in found.detail

    def test_a_file_that_is_no_database(self, settings: Settings, file: Path) -> None:
        file.write_bytes(b"no database at all" * 100)
        assert by_check(checks.database(settings))["database"].level == "problem"

    def test_listening_everywhere_without_a_key(self, tmp_path: Path, file: Path) -> None:
        settings = Settings(data_dir=tmp_path, host="0.0.0.0")
        opened = open_database(f"sqlite:///{file}")
        migrations.upgrade(opened.engine)
        found = by_check(checks.database(settings))["keys"]
        assert (found.level, found.mend) == ("problem", "autopq keys create NAME")
        with opened.write() as session:
            accounts.create_key(session, "default", KeyCreate(name="first"))
        opened.close()
        assert by_check(checks.database(settings))["keys"].level == "ok"

    def test_energy_counters(self, tmp_path: Path) -> None:
        assert "estimated" in checks.energy_counters(tmp_path).detail
        counter = tmp_path / "intel-rapl:0" / "energy_uj"
        counter.parent.mkdir()
        counter.write_text("1")
        assert "1 of 1 RAPL counters readable" in checks.energy_counters(tmp_path).detail


class TestNetworkFileSystems:
    @pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"])
    def test_are_known(self, kind: str) -> None:
        assert is_network(kind)

    @pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "apfs", ""])
    def test_local_ones_are_not(self, kind: str) -> None:
        assert not is_network(kind)

    def test_sqlite_on_one_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mounts = [
            SimpleNamespace(mountpoint="/", fstype="ext4"),
            SimpleNamespace(mountpoint=str(tmp_path), fstype="nfs4"),
        ]
        monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
        done = autopq("serve", "--data-dir", str(tmp_path / "data"), code=2)
        assert "network file system (nfs4)" in done.output
        assert not (tmp_path / "data").exists()
        assert checks.file_system(Settings(data_dir=tmp_path)).level == "problem"


class TestStart:
    def test_a_database_of_a_newer_version(self, tmp_path: Path, file: Path) -> None:
        opened = open_database(f"sqlite:///{file}")
        migrations.upgrade(opened.engine)
        opened.close()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE autopq_alembic_version SET version_num = '9999'")
            connection.commit()
        done = autopq("serve", "--data-dir", str(tmp_path), code=2)
        assert "9999" in done.output
        assert "autopq doctor" in done.output

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = autopq("serve", "--data-dir", str(tmp_path / "file" / "data"), code=2)
        assert "cannot start" in done.output

    def test_the_data_folder_is_nobody_elses(self, tmp_path: Path) -> None:
        Settings(data_dir=tmp_path / "data").storage.prepare()
        assert (tmp_path / "data").stat().st_mode & 0o077 == 0
