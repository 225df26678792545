"""docs/contract.md: the samples are run as they stand, on databases of every kind."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test import TestCase, tag

from tests.support.databases import connect, database_url, empty_database
from tests.support.effort import need
from veza_site.schema import contract
from veza_site.schema.ddl import literal

DOCUMENT = (settings.BASE_DIR / "docs" / "contract.md").read_text(encoding="utf-8")

GO_PATH = Path("/usr/share/gocode")  # where Debian installs Go's packages
RUST_PATH = Path("/usr/share/cargo/registry")  # and Rust's


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
        self.assertEqual(json.loads(comment)["fingerprint"], contract.load_newest().fingerprint)

    def test_is_the_one_that_the_samples_send(self):
        for language, query in [("go", r"query = `(.*?)`"), ("rust", r'QUERY: &str = "(.*?)"')]:
            (sent,) = re.findall(query, sample(language))
            with self.subTest(language), connection.cursor() as cursor:
                cursor.execute(sent)
                comment, has_users = cursor.fetchone()
                self.assertEqual(json.loads(comment)["version"], contract.load_newest().version)
                self.assertTrue(has_users)


class SampleTests:
    """What a sample says, whatever its language; for a class that builds it in `setUpClass`."""

    program: Path

    def check(self, url):
        """Return whether the program would stop its service, and what it says."""
        ended = subprocess.run([self.program, url], capture_output=True, text=True, check=True)
        return ended.stdout.startswith("stop: "), ended.stdout + ended.stderr

    def test_stops_for_an_older_contract_and_warns_of_a_newer_one(self):
        with empty_database() as name, connect(name) as server:
            server.execute("CREATE TABLE users (id uuid)")
            for version, stops, says in [
                (0, True, "carries contract 0, this service needs 1: migrate first"),
                (1, False, ""),
                (2, False, "carries contract 2, newer than 1"),
            ]:
                with self.subTest(version):
                    carried = contract.Contract(version, "", "").as_json()
                    server.execute(f"COMMENT ON SCHEMA public IS {literal(carried)}")
                    self.assert_says(name, stops, says)

    def test_says_of_another_database_that_it_has_no_v1(self):
        with empty_database() as name, connect(name) as server:
            self.assert_says(name, True, "has no table public.users, this service needs contract 1")
            server.execute("DROP SCHEMA public")
            self.assert_says(name, True, "has no table public.users, this service needs contract 1")

    def test_says_that_there_is_no_comment_and_that_a_comment_is_no_contract(self):
        no_contract = "the comment on schema public is no contract, this service needs 1: "
        with empty_database() as name, connect(name) as server:
            server.execute("CREATE TABLE users (id uuid)")
            server.execute("COMMENT ON SCHEMA public IS NULL")
            self.assert_says(name, True, "carries no contract, this service needs 1: migrate first")
            for comment in [
                "standard public schema",
                '"version": 1',
                "{}",
                "[1]",
                "1",
                "null",
                '{"version": null}',
                '{"version": "1"}',
                '{"version": 1.5}',
            ]:
                with self.subTest(comment):
                    server.execute(f"COMMENT ON SCHEMA public IS {literal(comment)}")
                    self.assert_says(name, True, no_contract + json.dumps(comment))

    def test_says_that_the_database_is_not_there(self):
        missing = f"{connection.settings_dict['NAME']}_missing"
        self.assert_says(missing, True, f'database "{missing}" does not exist')

    def test_says_that_there_is_no_server(self):
        with tempfile.TemporaryDirectory() as empty:
            stops, said = self.check(database_url("veza", host=empty, sslmode="disable"))
        self.assertTrue(stops)
        self.assertRegex(said, "[Nn]o such file or directory")

    def test_does_not_wait_for_a_server_that_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            stops, said = self.check(
                f"postgresql://veza@127.0.0.1:{port}/veza?sslmode=disable&connect_timeout=1"
            )
        self.assertTrue(stops)
        self.assertRegex(said, "timeout|no answer")

    def assert_says(self, database, stops, says):
        stopped, said = self.check(database_url(database, sslmode="disable"))
        self.assertEqual(stopped, stops, said)
        self.assertIn(says, said)


@tag("slow")  # Go compiles it
class Go(SampleTests, TestCase):
    """The sample in Go, where Go and a driver are installed, as .ci/run installs them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need("golang-go and golang-github-lib-pq-dev", ["go"], [GO_PATH / "src/github.com/lib/pq"])
        directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        package = directory / "src" / "contract"
        package.mkdir(parents=True)
        (package / "contract.go").write_text(sample("go"))
        cls.program = directory / "check"
        subprocess.run(
            ["go", "build", "-o", cls.program, settings.BASE_DIR / "tests" / "go" / "contract.go"],
            env=os.environ | {"GO111MODULE": "off", "GOPATH": f"{directory}:{GO_PATH}"},
            check=True,
        )


@tag("slow")  # a minute for the first time: Rust compiles it
class Rust(SampleTests, TestCase):
    """The sample in Rust, where Rust and its packages are installed, as .ci/run installs them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need(
            "cargo, librust-tokio-postgres-dev and librust-serde-json-dev",
            ["cargo"],
            list(RUST_PATH.glob("tokio-postgres-*")) or [RUST_PATH / "tokio-postgres"],
        )
        # Kept for the next run: the packages take a minute to build, the sample two seconds.
        kept = settings.BASE_DIR / ".rust"
        shutil.copytree(settings.BASE_DIR / "tests" / "rust", kept, dirs_exist_ok=True)
        source = kept / "src" / "contract.rs"
        if not source.exists() or source.read_text() != sample("rust"):
            source.write_text(sample("rust"))  # not over the same: another process may run it
        subprocess.run(
            ["cargo", "build", "--quiet", "--offline"],
            cwd=kept,
            env=os.environ | {"CARGO_TARGET_DIR": str(kept / "target")},
            check=True,
        )
        cls.program = kept / "target" / "debug" / "check"
