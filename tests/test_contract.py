"""docs/contract.md: the samples are run as they stand, on databases of every kind."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test import TestCase

from tests.databases import connect, database_url, empty_database
from veza_site import contract
from veza_site.ddl import literal

DOCUMENT = (settings.BASE_DIR / "docs" / "contract.md").read_text(encoding="utf-8")

GO_PATH = Path("/usr/share/gocode")  # where Debian installs Go's packages


def sample(language):
    """Return the sample in a language."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return code


class Query(TestCase):
    def test_gives_the_contract_to_who_knows_no_django(self):
        with connection.cursor() as cursor:
            cursor.execute(sample("sql"))
            (comment,) = cursor.fetchone()
            self.assertEqual(contract.read(cursor), contract.Contract(**json.loads(comment)))
        self.assertEqual(json.loads(comment)["fingerprint"], contract.expected().fingerprint)

    def test_is_the_one_that_the_samples_send(self):
        for language, query in [("go", r"query = `(.*?)`"), ("rust", r'QUERY: &str =\s+"(.*?)"')]:
            (sent,) = re.findall(query, sample(language))
            with self.subTest(language), connection.cursor() as cursor:
                cursor.execute(sent)
                self.assertEqual(cursor.fetchone(), (contract.expected().version,))


class Go(TestCase):
    """The sample in Go, where Go and a driver are installed, as .ci/run installs them."""

    def setUp(self):
        if not shutil.which("go") or not (GO_PATH / "src/github.com/lib/pq").exists():
            self.skipTest("needs Debian's golang-go and golang-github-lib-pq-dev")
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        package = directory / "src" / "contract"
        package.mkdir(parents=True)
        (package / "contract.go").write_text(sample("go"))
        self.program = directory / "check"
        subprocess.run(
            ["go", "build", "-o", self.program, settings.BASE_DIR / "tests" / "go" / "contract.go"],
            env=os.environ | {"GO111MODULE": "off", "GOPATH": f"{directory}:{GO_PATH}"},
            check=True,
        )

    def test_stops_for_an_older_contract_and_for_none_and_warns_of_a_newer_one(self):
        with empty_database() as name, connect(name) as server:
            url = database_url(name, sslmode="disable")
            for version, stops, says in [
                (None, True, "carries no contract"),
                (0, True, "carries contract 0, this service needs 1: migrate first"),
                (1, False, ""),
                (2, False, "carries contract 2, newer than 1"),
            ]:
                with self.subTest(version):
                    if version is not None:
                        carried = contract.Contract(version, "", "").as_json()
                        server.execute(f"COMMENT ON SCHEMA public IS {literal(carried)}")
                    ended = subprocess.run(
                        [self.program, url], capture_output=True, text=True, check=True
                    )
                    self.assertEqual(ended.stdout.startswith("stop: "), stops, ended)
                    self.assertIn(says, ended.stdout + ended.stderr)
