"""`python -m tests.audit TOOL`: asks PyPI's advisories about every package of `requirements.lock`.

`TOOL` is a `pip-audit`, kept out of this environment. Ends with 1 where a pinned version has a
known vulnerability. Packages that nobody has advisories of are named: they were not audited.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
_PATIENCE_S = 180


def audit(tool: str, lock: Path = LOCK) -> tuple[list[str], list[str]]:
    """(findings, packages nobody could tell anything about)."""
    command = [tool, "-r", str(lock), "--no-deps", "--disable-pip", "--format", "json"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [], [f"all of them: no answer within {_PATIENCE_S} seconds"]
    if not done.stdout.strip():
        return [], [f"all of them: {(done.stderr.strip().splitlines() or ['no output'])[-1]}"]
    findings, unknown = [], []
    for package in json.loads(done.stdout)["dependencies"]:
        if "skip_reason" in package:
            unknown.append(package["name"])
        findings += [
            f"{package['name']} {package['version']}: {found['id']}, "
            f"mended in {', '.join(found['fix_versions']) or 'no version yet'}"
            for found in package.get("vulns", ())
        ]
    return findings, unknown


def main() -> None:
    findings, unknown = audit(sys.argv[1])
    if unknown:
        sys.stdout.write(f"NOT AUDITED, as no advisories could be had: {', '.join(unknown)}\n")
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
