"""Training methods as a field of a job: refused in words, compared in rows, ended with the job."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from app.cli.application import app
from app.cli.methods import methods_by_stage

Document = dict[str, Any]
Make = Callable[..., Any]

REFUSED: dict[str, tuple[Document, str, str]] = {
    "unknown": (
        {"training_methods": {"forecaster": ["backprop", "adjoint"]}},
        "config.training_methods.forecaster.1.name",
        "'f3'",
    ),
    "not for flows": (
        {"training_methods": {"cinn": "f3"}},
        "config.training_methods",
        "likelihood",
    ),
    "one rank": (
        {"training_methods": {"forecaster": {"name": "ab_training", "ranks": 1}}},
        "config.training_methods.forecaster.0",
        "at least 2 ranks",
    ),
    "no such option": (
        {"training_methods": {"forecaster": {"name": "f3", "options": {"warmth": 1}}}},
        "config.training_methods.forecaster.0",
        "no option warmth",
    ),
    "no network": (
        {"forecasters": ["lightgbm"], "training_methods": {"forecaster": "f3"}},
        "training_methods.forecaster",
        "Add mlp",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_train_is_refused_at_submission(
    service: Any, dataset_id: str, case: str
) -> None:
    config, field, words = REFUSED[case]
    body = {"dataset_id": dataset_id, "config": service.config | config}
    answer: httpx.Response = service.http.post("/v1/jobs", json=body)
    assert answer.status_code == 422
    [finding] = answer.json()["errors"]
    assert finding["field"] == field
    assert words in finding["detail"] + finding["mend"]


def test_values_a_method_does_not_take_fail_the_job_with_their_name(
    service: Any, dataset_id: str
) -> None:
    chosen = {"name": "f3", "options": {"feedback": "warm"}}
    wished = {"forecasters": ["mlp"], "training_methods": {"forecaster": chosen}}
    job = service.submit(dataset_id, **wished)
    ended = service.finish(job["id"])
    assert ended["state"] == "failed"
    assert ended["attempt"] == 1
    [finding] = ended["error"]["errors"]
    assert finding["field"] == "training_methods.forecaster.0"
    assert "feedback" in finding["detail"]


@pytest.mark.slow
def test_methods_named_on_the_command_line_are_compared(
    service: Any, table: Any, tmp_path: Any
) -> None:
    file = tmp_path / "load.csv"
    table[["timestamp", "load"]].to_csv(file, index=False)
    runner = CliRunner(env={"AUTOPQ_URL": str(service.http.base_url)})
    shared = ["--target", "load", "--horizon", "6", "--preset", "fast", "--no-wait", "--json"]
    methods = ["--training-method", "forecaster=backprop,f3:feedback=identity,feedback_scale=0.5"]
    done = runner.invoke(
        app, ["submit", str(file), *shared, "--quantile-models", "residual", *methods]
    )
    assert done.exit_code == 0, done.output
    [newest] = service.http.get("/v1/jobs", params={"limit": 1}).json()["items"]
    asked = newest["config"]["training_methods"]["forecaster"]
    assert [choice["name"] for choice in asked] == ["backprop", "f3"]
    assert asked[1]["options"] == {"feedback": "identity", "feedback_scale": 0.5}
    assert service.finish(newest["id"])["state"] == "succeeded"
    printed = runner.invoke(app, ["leaderboard", newest["id"]]).output
    assert "mlp[f3(feedback=identity, feedback_scale=0.5)]+residual" in printed
    assert "trainable" in printed
    trials = service.http.get(f"/v1/jobs/{newest['id']}/trials").json()["items"]
    assert {trial["training_method"] for trial in trials} == {None, "backprop", "f3"}


WRITTEN: dict[str, list[Any]] = {
    "backprop,f3": ["backprop", "f3"],
    "f3:feedback=identity,ranks=2": [
        {"name": "f3", "ranks": 2, "options": {"feedback": "identity"}}
    ],
    "oialr:cutoff=0.3,keep_first=true, ab_training:ranks=4": [
        {"name": "oialr", "options": {"cutoff": 0.3, "keep_first": True}},
        {"name": "ab_training", "ranks": 4, "options": {}},
    ],
    'oialr:full_rank=["blocks.0","head"],delay=NaN,backprop': [
        {"name": "oialr", "options": {"full_rank": ["blocks.0", "head"], "delay": "NaN"}},
        "backprop",
    ],
}


@pytest.mark.parametrize("text", WRITTEN)
def test_options_and_ranks_on_the_command_line_are_those_of_the_config(text: str) -> None:
    assert methods_by_stage([f"forecaster={text}"]) == {"forecaster": WRITTEN[text]}


def test_stages_may_be_given_one_by_one() -> None:
    given = methods_by_stage(["forecaster=f3", "cinn=oialr:cutoff=0.1", "forecaster=backprop"])
    assert given == {
        "forecaster": ["f3", "backprop"],
        "cinn": [{"name": "oialr", "options": {"cutoff": 0.1}}],
    }


@pytest.mark.parametrize(
    "text",
    ["f3", "head=f3", "forecaster=", "forecaster=ranks=2", "forecaster=f3:", "forecaster=f3:ranks",
     "forecaster=f3:ranks=", "forecaster=:ranks=2", "forecaster=f3:a:b=2"],
)  # fmt: skip
def test_what_cannot_be_read_is_wrong_usage(text: str) -> None:
    arguments = ["submit", "load.csv", "--target", "load", "--training-method", text]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert text in done.output


def start_ranked_job(service: Any, table: Any) -> tuple[Document, psutil.Process, list[Any]]:
    """A job in training on two ranks, its worker and the processes of the ranks."""
    settings = {
        "forecasters": ["mlp"],
        "quantile_models": ["residual"],
        "training_methods": {"forecaster": {"name": "backprop", "ranks": 2}},
    }
    job = service.submit(service.upload(table), **settings)
    ranks: list[psutil.Process] = []

    def started() -> bool:
        with suppress(psutil.Error):  # a process that ended while it was looked at
            for worker in service.workers():
                ranks[:] = [
                    child
                    for child in worker.children(recursive=True)
                    if "multiprocessing.spawn" in " ".join(child.cmdline())
                ]
        return len(ranks) == 2

    service.until(started, "two ranks")
    time.sleep(1.0)  # any moment of their life will do
    (worker,) = service.workers()
    return job, worker, ranks


def gone(processes: list[Any]) -> bool:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return False
    return True


@pytest.mark.slow
def test_ranks_end_with_the_job_that_is_cancelled(make_service: Make, table: Any) -> None:
    service = make_service()
    job, _, ranks = start_ranked_job(service, table)
    assert service.http.post(job["links"]["cancel"]).status_code == 202
    assert service.finish(job["id"])["state"] == "cancelled"
    service.until(lambda: gone(ranks) and not service.workers(), "the ranks' end", 10)


@pytest.mark.slow
def test_ranks_end_with_a_worker_that_is_killed(make_service: Make, table: Any) -> None:
    service = make_service()
    job, worker, ranks = start_ranked_job(service, table)
    worker.kill()
    service.until(lambda: gone(ranks), "the ranks' end", 10)
    service.http.post(job["links"]["cancel"])
    assert service.finish(job["id"])["state"] == "cancelled"


@pytest.mark.slow
def test_ranks_end_with_the_service_that_is_killed(make_service: Make, table: Any) -> None:
    service = make_service()
    _, worker, ranks = start_ranked_job(service, table)
    service.kill()
    service.until(lambda: gone([worker, *ranks]), "the ranks' end", 20)
    service.process = None
