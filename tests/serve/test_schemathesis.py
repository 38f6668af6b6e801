"""What is asked at random, right and wrong, is answered as the OpenAPI document says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import Database
from tests.docs.openapi import IDENTIFIER, text
from tests.serve.test_endpoints import KEEN
from tests.serving import KEY, serving

THOROUGH = 30  # requests of each kind for each operation


@pytest.mark.slow
def test_the_document_tells_the_truth(filled: Database, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(text().replace(IDENTIFIER["example"], KEEN))
    patient = ("--rate", "10000", "--timeout", "120")
    with serving(filled, *patient, CLICKSTATS_API_KEY=KEY) as served:
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                document,
                f"--url=http://127.0.0.1:{served.port}",
                f"--header=X-API-Key: {KEY}",
                f"--max-examples={THOROUGH}",
                "--seed=1",
                "--generation-database=none",
            ],
            cwd=tmp_path,  # it keeps notes
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in served.log.read_text()
