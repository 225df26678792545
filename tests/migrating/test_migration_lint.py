"""A migration after V1 is refused where services would have to wait for it, or break."""

import contextlib
import io
import re
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

from django.conf import settings
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import SimpleTestCase, TestCase, TransactionTestCase, override_settings, tag

from tests.support.databases import empty_database
from tests.support.project import Project
from veza_site.migrating.lint import Finding, lint, lint_sql, migrations_after_v1
from veza_site.migrating.lint.rules import FINAL, RULES
from veza_site.schema.plan import newest_migration

MIGRATION = """
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.operations import (
    AddConstraintNotValid, AddIndexConcurrently, CreateExtension, RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from veza_site.migrating.operations import CreateTables
from veza_site.indexes import Index
from veza_site.migrating.operations import updated_at_trigger

def fill(apps, schema_editor):
    raise AssertionError("A linter runs nothing")

class Own(migrations.RunSQL):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        raise AssertionError("A linter runs nothing")

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = {dependencies}
    operations = [{operations}]
"""


@contextlib.contextmanager
def after_v1(operations: str, *, atomic: bool = True) -> Iterator[Path]:
    """Give legacy_chat a migration 0051_new with these operations, and yield its folder."""
    package = f"migrations_{uuid.uuid4().hex}"
    newest = newest_migration()
    dependencies = [("legacy_chat", "0050_legacy_chat"), (newest.app_label, newest.name)]
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path) / package
        shutil.copytree(
            settings.BASE_DIR / "legacy_chat" / "migrations",
            folder,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (folder / "0051_new.py").write_text(
            MIGRATION.format(atomic=atomic, dependencies=dependencies, operations=operations)
        )
        sys.path.insert(0, path)
        try:
            with override_settings(MIGRATION_MODULES={"legacy_chat": package}):
                yield folder
        finally:
            sys.path.remove(path)
            for name in [name for name in sys.modules if name.startswith(package)]:
                del sys.modules[name]


def findings(operations: str, *, atomic: bool = True) -> list[Finding]:
    """Return what is wrong with a migration of these operations."""
    with after_v1(operations, atomic=atomic):
        (new,) = [found for found in migrations_after_v1() if found.name == "0051_new"]
        return lint(new)


def rules(operations: str, *, atomic: bool = True) -> set[str]:
    """Return the rules by which a migration of these operations is refused."""
    return {finding.rule for finding in findings(operations, atomic=atomic)}


def sql_rules(sql: str, *, atomic: bool = True) -> set[str]:
    """Return the rules by which a migration of one RunSQL is refused."""
    return {finding.rule for finding in lint_sql(sql, atomic=atomic)}


# Statements that are refused, each alone in its migration, by exactly these rules.
REFUSED = {
    "many-rows": """
        UPDATE users SET is_active = false
        DELETE FROM refresh_tokens
        UPDATE users SET is_active = false WHERE true
        UPDATE users SET is_active = false WHERE 1 = 1
        UPDATE users SET is_active = false WHERE NOT false
        UPDATE users SET is_active = false WHERE id = id
        UPDATE users SET is_active = false WHERE id IS NOT NULL
        UPDATE users SET is_active = false WHERE id = 'x' OR true
        UPDATE users SET is_active = false WHERE id = 'x' OR is_active
        UPDATE users SET is_active = false WHERE NOT (id = 'x')
        UPDATE users SET is_active = false WHERE id <> 'x'
        UPDATE users SET is_active = false WHERE id NOT IN ('x', 'y')
        UPDATE users SET is_active = false WHERE id <> ALL ('{}')
        UPDATE users SET is_active = false WHERE id = ALL ('{}')
        UPDATE users SET is_active = false WHERE id IN (SELECT id FROM users)
        UPDATE users SET is_active = false WHERE EXISTS (SELECT)
        UPDATE users SET is_active = false WHERE email LIKE '%'
        UPDATE users SET is_active = false WHERE role = 'user'
        UPDATE users SET is_active = false FROM rooms WHERE users.id = 'x'
        UPDATE ONLY public.users SET slug = lower(username)
        DELETE FROM users USING rooms WHERE users.id = 'x'
        DELETE FROM likes WHERE user_id = 'x'
        UPDATE django.django_session SET session_data = ''
        UPDATE django.django_session SET session_data = '' WHERE id = 1
        UPDATE hls_transcode_queue SET status = 'failed' WHERE track_id = 'x'
        DELETE FROM users WHERE username = 'x'
        DELETE FROM v WHERE id = 1
    """,
    "insert-select": """
        INSERT INTO roles (name) SELECT username FROM users
        INSERT INTO roles TABLE roles
    """,
    "function-call": """
        UPDATE users SET slug = pg_sleep(9) WHERE id = 'x'
        UPDATE users SET slug = s.lower('x') WHERE id = 'x'
        UPDATE users SET slug = (SELECT name FROM rooms) WHERE id = 'x'
        INSERT INTO roles (name) VALUES (set_config('session_replication_role', 'replica', false))
        INSERT INTO roles (name) VALUES ((SELECT max(username) FROM users))
        INSERT INTO roles (name) VALUES ('x') LIMIT pg_sleep(9)
        INSERT INTO roles (name) VALUES ('x') RETURNING pg_sleep(9)
        INSERT INTO roles (name) VALUES ('x') ON CONFLICT (name) DO UPDATE SET name = repeat('x', 9)
    """,
    "writing-cte": """
        WITH gone AS (DELETE FROM users RETURNING id) INSERT INTO roles (name) VALUES ('x')
        WITH gone AS (UPDATE users SET slug = '') DELETE FROM rooms WHERE id = 'x'
    """,
    "merge": "MERGE INTO users USING rooms ON true WHEN MATCHED THEN DELETE",
    "copy": """
        COPY users FROM '/tmp/users'
        COPY users TO PROGRAM 'cat'
    """,
    "truncate": """
        TRUNCATE users
        TRUNCATE TABLE users, rooms RESTART IDENTITY CASCADE
    """,
    "lock-table": """
        LOCK TABLE users
        LOCK users IN ACCESS SHARE MODE NOWAIT
    """,
    "vacuum": """
        VACUUM FULL users
        VACUUM (FULL, ANALYZE)
        VACUUM users
    """,
    "cluster": """
        CLUSTER users USING users_pkey
        CLUSTER
        ALTER TABLE users CLUSTER ON users_pkey
        ALTER TABLE users SET WITHOUT CLUSTER
    """,
    "reindex": """
        REINDEX TABLE users
        REINDEX INDEX CONCURRENTLY users_pkey
        REINDEX DATABASE
    """,
    "refresh-materialized-view": """
        REFRESH MATERIALIZED VIEW top
        REFRESH MATERIALIZED VIEW CONCURRENTLY top
    """,
    "create-table-as": """
        CREATE TABLE copies AS SELECT * FROM users
        CREATE MATERIALIZED VIEW top AS SELECT * FROM users
        SELECT * INTO copies FROM users
    """,
    "rewrite-table": """
        ALTER TABLE users SET ACCESS METHOD heap
        ALTER TABLE users ALTER slug SET EXPRESSION AS ('x')
    """,
    "set-logged": """
        ALTER TABLE users SET UNLOGGED
        ALTER TABLE users SET LOGGED
    """,
    "set-tablespace": """
        ALTER TABLE users SET TABLESPACE fast
        ALTER INDEX users_pkey SET TABLESPACE fast
        ALTER TABLE ALL IN TABLESPACE slow SET TABLESPACE fast
    """,
    "add-column": """
        ALTER TABLE users ADD COLUMN number serial
        ALTER TABLE users ADD COLUMN number pg_catalog.bigserial
        ALTER TABLE users ADD COLUMN age integer CHECK (age > 0)
        ALTER TABLE users ADD COLUMN room_id uuid DEFAULT '7c1f' REFERENCES rooms (id)
        ALTER TABLE users ADD COLUMN x int[] NOT NULL DEFAULT ARRAY[random()::int]
        ALTER TABLE users ADD COLUMN x int[] DEFAULT '{1}' || ARRAY[[1, length(f()::text)]]
        ALTER TABLE users ADD COLUMN x timestamptz[] DEFAULT ARRAY[s.now()]
    """,
    "drop": """
        DROP INDEX CONCURRENTLY idx_users_role
        DROP POLICY p ON users
        DROP RULE r ON users
        DROP EVENT TRIGGER e
        DROP OWNED BY veza
        DROP STATISTICS s
    """,
    "ban-drop-table": """
        DROP TABLE users
        DROP TABLE IF EXISTS public.users, rooms CASCADE
    """,
    "ban-drop-view": """
        DROP VIEW v
        DROP MATERIALIZED VIEW v
    """,
    "ban-drop-column": """
        ALTER TABLE users DROP COLUMN slug
        ALTER TABLE IF EXISTS ONLY users DROP IF EXISTS slug CASCADE
    """,
    "ban-drop-constraint": "ALTER TABLE users DROP CONSTRAINT chk_users_x",
    "ban-drop-default": "ALTER TABLE users ALTER slug DROP DEFAULT",
    "ban-drop-not-null": "ALTER TABLE users ALTER slug DROP NOT NULL",
    "ban-drop-trigger": "DROP TRIGGER update_users_updated_at ON users",
    "ban-drop-function": """
        DROP FUNCTION update_updated_at_column
        DROP FUNCTION update_updated_at_column() CASCADE
        DROP PROCEDURE p
    """,
    "ban-drop-type": "DROP TYPE user_role",
    "ban-drop-domain": "DROP DOMAIN d",
    "ban-drop-sequence": "DROP SEQUENCE s",
    "ban-drop-schema": "DROP SCHEMA django CASCADE",
    "ban-drop-extension": "DROP EXTENSION pgcrypto",
    "ban-drop-database": "DROP DATABASE veza",
    "ban-drop-generated-expression": "ALTER TABLE users ALTER slug DROP EXPRESSION",
    "require-concurrent-index-deletion": "DROP INDEX idx_users_role",
    "ban-disable-trigger": """
        ALTER TABLE users DISABLE TRIGGER update_users_updated_at
        ALTER TABLE users DISABLE TRIGGER ALL
        ALTER TABLE users DISABLE TRIGGER USER
    """,
    "changing-column-type": """
        ALTER TABLE users ALTER slug TYPE text
        ALTER TABLE ONLY public.users ALTER COLUMN slug SET DATA TYPE text USING slug::text
    """,
    "adding-not-nullable-field": "ALTER TABLE users ALTER slug SET NOT NULL",
    "adding-field-with-default": """
        ALTER TABLE users ADD COLUMN seen timestamptz DEFAULT clock_timestamp()
        ALTER TABLE users ADD COLUMN twice integer GENERATED ALWAYS AS (2) STORED
        ALTER TABLE users ADD COLUMN number integer GENERATED ALWAYS AS IDENTITY
    """,
    "disallowed-unique-constraint": "ALTER TABLE users ADD COLUMN number integer UNIQUE",
    "constraint-missing-not-valid": """
        ALTER TABLE users ADD CONSTRAINT chk_users_x CHECK (slug <> '')
        ALTER TABLE users ADD FOREIGN KEY (room_id) REFERENCES rooms (id)
        ALTER TABLE users ADD EXCLUDE USING gist (slug WITH =)
        ALTER TABLE users ADD CONSTRAINT n NOT NULL slug
    """,
    "require-concurrent-index-creation": """
        CREATE INDEX idx_users_x ON users (slug)
        CREATE UNIQUE INDEX idx_users_x ON ONLY users (slug)
    """,
    "renaming-table": "ALTER TABLE users RENAME TO people",
    "renaming-column": "ALTER TABLE users RENAME slug TO handle",
    "renaming-object": """
        ALTER INDEX idx_users_role RENAME TO i
        ALTER TABLE users RENAME CONSTRAINT chk_users_x TO y
        ALTER FUNCTION f() RENAME TO g
        ALTER TYPE user_role RENAME TO r
        ALTER TYPE user_role RENAME VALUE 'user' TO 'person'
        ALTER TRIGGER update_users_updated_at ON users RENAME TO t
        ALTER SCHEMA django RENAME TO d
    """,
    "ban-alter-identity": """
        ALTER TABLE users ALTER slug ADD GENERATED ALWAYS AS IDENTITY
        ALTER TABLE users ALTER slug SET GENERATED ALWAYS
        ALTER TABLE users ALTER slug DROP IDENTITY
    """,
    "rename": "ALTER COLLATION c RENAME TO d",
    "ban-set-schema": "ALTER TABLE users SET SCHEMA django",
    "replace": """
        CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE sql AS ''
        CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS ''
        CREATE OR REPLACE VIEW v AS SELECT 1
    """,
    "alter-function": """
        ALTER FUNCTION update_updated_at_column() SET search_path = chat
        ALTER FUNCTION update_updated_at_column() SECURITY DEFINER
        ALTER PROCEDURE p() SECURITY DEFINER
        ALTER FUNCTION f() DEPENDS ON EXTENSION pgcrypto
    """,
    "trigger": """
        CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION f()
        CREATE OR REPLACE TRIGGER t AFTER INSERT ON public.users EXECUTE FUNCTION f()
        CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION f()
        CREATE TRIGGER t INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f()
        ALTER TABLE users ENABLE TRIGGER ALL
        ALTER TABLE users ENABLE ALWAYS TRIGGER t
        ALTER TABLE users ENABLE REPLICA TRIGGER t
    """,
    "rewrite-rule": """
        CREATE RULE r AS ON DELETE TO users DO INSTEAD NOTHING
        CREATE RULE r AS ON DELETE TO users DO ALSO (DELETE FROM rooms; DELETE FROM likes)
        ALTER TABLE users DISABLE RULE r
        ALTER TABLE users ENABLE ALWAYS RULE r
    """,
    "row-level-security": """
        ALTER TABLE users ENABLE ROW LEVEL SECURITY
        ALTER TABLE users DISABLE ROW LEVEL SECURITY
        ALTER TABLE users FORCE ROW LEVEL SECURITY
        ALTER TABLE users NO FORCE ROW LEVEL SECURITY
        CREATE POLICY p ON users USING (true)
        ALTER POLICY p ON users USING (false)
    """,
    "inherits": """
        CREATE TABLE more_users () INHERITS (users)
        CREATE TABLE users_1 PARTITION OF users FOR VALUES IN (1)
        ALTER TABLE rooms INHERIT users
        ALTER TABLE rooms NO INHERIT users
        ALTER TABLE users ATTACH PARTITION rooms DEFAULT
        ALTER TABLE users DETACH PARTITION rooms CONCURRENTLY
    """,
    "replica-identity": "ALTER TABLE users REPLICA IDENTITY NOTHING",
    "alter-table": """
        ALTER TABLE users ALTER CONSTRAINT users_x_fkey DEFERRABLE
        ALTER TABLE users OF t
        ALTER TYPE composite ADD ATTRIBUTE x integer
        ALTER VIEW v SET (security_barrier)
    """,
    "if-not-exists": """
        CREATE TABLE IF NOT EXISTS users (id uuid)
        CREATE TABLE IF NOT EXISTS new (id uuid)
    """,
    "temporary": """
        CREATE TEMP TABLE users (id uuid)
        CREATE TABLE pg_temp.users (id uuid)
        CREATE TEMPORARY VIEW users AS SELECT 1
    """,
    "system-catalog": """
        INSERT INTO pg_catalog.pg_enum VALUES (1)
        INSERT INTO pg_enum VALUES (1)
    """,
    "comment-on-schema": "COMMENT ON SCHEMA public IS '{}'",
    "revoke": """
        REVOKE SELECT ON users FROM go_backend
        REVOKE UPDATE (slug) ON users FROM go_backend
        REVOKE GRANT OPTION FOR SELECT ON users FROM go_backend
        REVOKE ALL ON SCHEMA public FROM PUBLIC
        REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC
        REVOKE moderators FROM go_backend
    """,
    "owner": """
        ALTER TABLE users OWNER TO go_backend
        ALTER FUNCTION update_updated_at_column() OWNER TO go_backend
        ALTER TYPE user_role OWNER TO go_backend
        ALTER SCHEMA public OWNER TO go_backend
        ALTER DATABASE veza OWNER TO go_backend
        REASSIGN OWNED BY veza TO go_backend
    """,
    "default-privileges": """
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC
        ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC
    """,
    "roles": """
        CREATE ROLE r
        ALTER ROLE r SUPERUSER
        DROP ROLE r
        GRANT veza TO go_backend
    """,
    "server-setting": """
        ALTER SYSTEM SET fsync = off
        ALTER DATABASE veza SET statement_timeout = 1
        ALTER DATABASE veza CONNECTION LIMIT 0
        ALTER ROLE go_backend SET search_path = chat
        ALTER ROLE ALL RESET ALL
    """,
    "session-setting": """
        SET session_replication_role = replica
        SET LOCAL search_path = chat, public
        SET statement_timeout = '1ms'
        SET SESSION statement_timeout = '1ms'
        SET lock_timeout = 9999
        SET maintenance_work_mem = '1GB'
        SET ROLE go_backend
        SET SESSION AUTHORIZATION go_backend
        SET LOCAL lock_timeout = 0
        SET LOCAL lock_timeout TO '0'
        SET LOCAL lock_timeout TO DEFAULT
        SET LOCAL lock_timeout = '10min'
        SET LOCAL lock_timeout = '11s'
        SET LOCAL lock_timeout = 10000
        SET LOCAL statement_timeout TO '0s'
        RESET lock_timeout
        RESET ALL
        SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
    """,
    "event-trigger": """
        CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()
        ALTER EVENT TRIGGER e DISABLE
    """,
    "publication": """
        CREATE PUBLICATION p FOR ALL TABLES
        ALTER PUBLICATION p DROP TABLE users
        CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p
        ALTER SUBSCRIPTION s DISABLE
        DROP SUBSCRIPTION s
    """,
    "extension": """
        CREATE EXTENSION citext
        CREATE EXTENSION IF NOT EXISTS citext
        ALTER EXTENSION citext UPDATE
    """,
    "do-block": """
        DO $$ BEGIN DROP TABLE users; END $$
        DO LANGUAGE plpgsql 'BEGIN END'
    """,
    "call": """
        CALL p()
        PREPARE p AS DELETE FROM users
        EXECUTE p
        EXPLAIN ANALYZE DELETE FROM users
        LOAD 'auto_explain'
    """,
    "select": """
        SELECT pg_terminate_backend(4711)
        SELECT setval('s', 1)
        SELECT count(*) FROM users
        SELECT 1 FROM users FOR UPDATE
        SELECT 1 UNION SELECT pg_sleep(9)
        SELECT 1 WHERE pg_sleep(9) IS NULL
        VALUES (pg_sleep(9))
        TABLE users
    """,
    "transaction-control": """
        COMMIT
        ROLLBACK
        SAVEPOINT s
        PREPARE TRANSACTION 't'
    """,
    "not-on-the-list": """
        SET CONSTRAINTS ALL DEFERRED
        NOTIFY n
        DISCARD ALL
        CHECKPOINT
        CREATE SCHEMA s
        CREATE SEQUENCE s
        ALTER SEQUENCE s RESTART
        CREATE CAST (text AS user_role) WITH INOUT AS IMPLICIT
        CREATE AGGREGATE a (integer) (sfunc = f, stype = integer)
        COMMENT ON DATABASE veza IS ''
        SECURITY LABEL ON TABLE users IS ''
        IMPORT FOREIGN SCHEMA s FROM SERVER s INTO public
        DECLARE c CURSOR FOR SELECT 1
    """,
    "not-read-by-squawk": "ALTER TABLE users ADD COLUMN a text COMPRESSION lz4",
    "syntax-error": """
        ALTER TABLE users ADD COLUMN
        UPDATE users SET
        \\i file
        /* a /* b */
    """,
}

# Scripts that need no reason, each alone in its migration.
ALLOWED = [
    "CREATE TABLE new (id uuid PRIMARY KEY); CREATE INDEX idx_new_id ON new (id)",
    "CREATE TABLE new (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id) ON DELETE CASCADE)",
    "CREATE TABLE new (id uuid); ALTER TABLE new ADD CHECK (id IS NOT NULL) NOT VALID",
    "CREATE TABLE new (id uuid); ALTER TABLE new ENABLE ROW LEVEL SECURITY; "
    "CREATE POLICY p ON new USING (true)",
    "CREATE TABLE new (id uuid); CREATE TRIGGER t BEFORE UPDATE ON public.new "
    "FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE TABLE django.new (id uuid); UPDATE django.new SET id = NULL",
    "CREATE TABLE new (id uuid) PARTITION BY LIST (id); CREATE TABLE n1 PARTITION OF new DEFAULT",
    "CREATE TYPE mood AS ENUM ('good', 'bad')",
    "CREATE DOMAIN d AS text",
    "ALTER TYPE user_role ADD VALUE 'guest' AFTER 'user'",
    "ALTER TABLE users ADD COLUMN motto text",
    "ALTER TABLE users ADD COLUMN motto text NOT NULL DEFAULT ''",
    "ALTER TABLE users ADD COLUMN mood mood NOT NULL DEFAULT 'good'",
    "ALTER TABLE users ADD COLUMN tags text[] NOT NULL DEFAULT ARRAY['a', 'b']",
    "ALTER TABLE users ADD COLUMN seen timestamptz[] DEFAULT ARRAY[now(), CURRENT_TIMESTAMP]",
    "ALTER TABLE users ADD COLUMN room_id uuid REFERENCES rooms (id) ON DELETE SET NULL",
    "ALTER TABLE users ADD CONSTRAINT chk_users_x CHECK (slug <> '') NOT VALID",
    "ALTER TABLE users ADD FOREIGN KEY (room_id) REFERENCES rooms (id) NOT VALID",
    "ALTER TABLE users VALIDATE CONSTRAINT chk_users_x",
    "ALTER TABLE users VALIDATE CONSTRAINT x; ALTER TABLE rooms VALIDATE CONSTRAINT y",
    "ALTER TABLE users ADD CONSTRAINT u UNIQUE USING INDEX idx_users_x",
    "ALTER TABLE users ALTER slug SET DEFAULT 'x'",
    "ALTER TABLE users SET (fillfactor = 70), ALTER slug SET STATISTICS 500",
    "ALTER INDEX idx_users_role SET (fillfactor = 70)",
    "COMMENT ON TABLE users IS 'people'; COMMENT ON COLUMN users.slug IS 'handle'",
    "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'DELETE FROM users; SELECT 1'",
    "CREATE FUNCTION f() RETURNS integer BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "CREATE VIEW v AS SELECT * FROM users",
    "GRANT SELECT ON users TO go_backend; GRANT USAGE ON SCHEMA django TO go_backend",
    "SET LOCAL lock_timeout = '10s'; SET LOCAL lock_timeout = 9999",
    "SET LOCAL statement_timeout = '5 min'; SET LOCAL maintenance_work_mem = '1GB'",
    "INSERT INTO roles (name) VALUES ('editor'), ('guest') ON CONFLICT DO NOTHING",
    "INSERT INTO roles (id, name, at) VALUES (gen_random_uuid(), 'x', now()), (DEFAULT, 'y', NULL)",
    "INSERT INTO roles DEFAULT VALUES",
    "UPDATE roles SET description = 'x' WHERE id = 'x' AND is_system",
    "UPDATE users SET slug = pg_catalog.lower(username) WHERE id = 'x'",
    "UPDATE django.django_session SET session_data = '' WHERE session_key = 'x'",
    "CREATE TABLE new (id uuid); UPDATE new SET id = NULL FROM users WHERE users.id = new.id",
    "UPDATE users u SET slug = NULL WHERE u.id IN ('a'::uuid, 'b') OR 'c' = u.id",
    "DELETE FROM users WHERE id = ANY (ARRAY['a', 'b']::uuid[])",
    "DELETE FROM users WHERE id = ANY ('{a,b}')",
    "ANALYZE users",
    "SELECT 1",
    "SELECT 'a', 1.5, true",
    "",
    ";",
    "-- Nothing to do.",
]


class Statements(SimpleTestCase):
    def test_are_refused_by_the_rule_that_names_what_they_do(self):
        for rule, statements in REFUSED.items():
            for statement in filter(None, map(str.strip, statements.splitlines())):
                with self.subTest(statement):
                    self.assertEqual(sql_rules(statement), {rule})

    def test_are_refused_by_each_rule_that_they_break(self):
        for statement, broken in {
            "ALTER TABLE users DROP COLUMN slug, DISABLE TRIGGER ALL, SET UNLOGGED": {
                "ban-drop-column",
                "ban-disable-trigger",
                "set-logged",
            },
            "ALTER TABLE users DROP slug, DROP CONSTRAINT chk_users_x, OWNER TO go_backend": {
                "ban-drop-column",
                "ban-drop-constraint",
                "owner",
            },
            "UPDATE users SET slug = pg_sleep(9)": {"many-rows", "function-call"},
            "DELETE FROM pg_trigger WHERE tgname = 'x'": {"many-rows", "system-catalog"},
            "WITH gone AS (DELETE FROM users RETURNING id) SELECT * FROM gone": {
                "writing-cte",
                "select",
            },
            "CREATE INDEX IF NOT EXISTS idx_users_x ON users (slug)": {
                "if-not-exists",
                "require-concurrent-index-creation",
            },
            "CREATE INDEX CONCURRENTLY idx_users_x ON users (slug)": {
                "ban-concurrent-index-creation-in-transaction"
            },
            # A table that only seems to be new.
            "CREATE TABLE IF NOT EXISTS users (id uuid); UPDATE users SET slug = ''": {
                "if-not-exists",
                "many-rows",
            },
            "CREATE TEMP TABLE users (id uuid); ALTER TABLE users SET UNLOGGED": {
                "temporary",
                "set-logged",
            },
            "CREATE TABLE django.users (id uuid); UPDATE users SET slug = ''": {"many-rows"},
            "CREATE TABLE new (id uuid); ALTER TABLE new INHERIT users": {"inherits"},
            "CREATE TABLE new (id uuid); ALTER TABLE new OWNER TO go_backend": {"owner"},
        }.items():
            with self.subTest(statement):
                self.assertEqual(sql_rules(statement), broken)

    def test_pass_that_are_known_to_be_safe(self):
        for script in ALLOWED:
            with self.subTest(script):
                self.assertEqual(lint_sql(script), [])

    def test_pass_that_insert_a_hundred_rows_and_no_more(self):
        rows = ["('x')"] * 100
        insert = "INSERT INTO roles (name) VALUES " + ", ".join(rows)
        self.assertEqual(sql_rules(insert), set())
        self.assertEqual(sql_rules(f"{insert}, ('x')"), {"insert-select"})

    def test_that_write_are_refused_where_they_may_run_what_the_migration_makes(self):
        function = "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
        procedure = "CREATE PROCEDURE p() LANGUAGE sql AS ''"
        trigger = "CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION"
        insert = "INSERT INTO a VALUES (1)"
        for script in [
            f"{function}; CREATE TABLE a (x int DEFAULT f()); {insert}",
            f"{function}; CREATE TABLE a (x int CHECK (f() > 0)); {insert}",
            f"{function}; UPDATE users SET slug = '' WHERE id = 'x'",
            f"{procedure}; DELETE FROM users WHERE id = 'x'",
            f"CREATE TABLE a (x int); {trigger} f(); {insert}",
            f"CREATE TABLE a (x int); {trigger} s.update_updated_at_column(); {insert}",
            f"CREATE TABLE a (x int); {trigger} f(); INSERT INTO roles (name) VALUES ('x')",
            f"CREATE TABLE a (x int, CHECK (pg_sleep(100) IS NULL)); {insert}",
            "CREATE TABLE a (x int, CHECK (pg_sleep(100) IS NULL)); UPDATE a SET x = 1",
            f"CREATE TABLE a (x int, y text DEFAULT s.lower('Y')); {insert}",
            f"CREATE TABLE a (x int); ALTER TABLE a ADD CHECK (pg_sleep(9) IS NULL); {insert}",
            f"CREATE TABLE a (x int); ALTER TABLE a ALTER x SET DEFAULT f(); {insert}",
            f"CREATE TABLE a (x int); CREATE INDEX ON a (f(x)); {insert}",
            f"CREATE TABLE b (x int DEFAULT f()); CREATE TABLE a (LIKE b INCLUDING ALL); {insert}",
            "CREATE TABLE a (x int) PARTITION BY LIST (x); "
            f"CREATE TABLE a1 PARTITION OF a (CHECK (f() > 0)) DEFAULT; {insert}",
            "-- lint-ignore ban-create-domain-with-constraint: it is new\n"
            f"CREATE DOMAIN d AS int DEFAULT f(); CREATE TABLE a (x d); {insert}",
            f"CREATE VIEW a AS SELECT name FROM roles WHERE f() > 0; {insert}",
        ]:
            with self.subTest(script):
                self.assertEqual(sql_rules(script), {"function-call"})
        default = "ALTER TABLE roles ALTER name SET DEFAULT f()"
        for script in [default, f"{function}; {default}"]:
            with self.subTest(script):
                self.assertEqual(
                    sql_rules(f"{script}; INSERT INTO roles DEFAULT VALUES"),
                    {"function-call", "lock-held"},
                )

    def test_that_write_pass_beside_what_their_rows_do_not_run(self):
        check = "CREATE TABLE a (x int, CHECK (pg_sleep(100) IS NULL))"
        for script in [
            f"{check}; INSERT INTO roles (name) VALUES ('x')",
            f"INSERT INTO roles (name) VALUES ('x'); {check}",
            "INSERT INTO roles (name) VALUES ('x'); "
            "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE TABLE a (id uuid DEFAULT gen_random_uuid(), name text, at timestamptz "
            "DEFAULT now(), CHECK (length(name) > 3 AND name = pg_catalog.lower(name))); "
            "CREATE TRIGGER update_a_updated_at BEFORE UPDATE ON public.a FOR EACH ROW "
            "EXECUTE FUNCTION public.update_updated_at_column(); INSERT INTO a (name) VALUES ('x')",
        ]:
            with self.subTest(script):
                self.assertEqual(lint_sql(script), [])

    def test_that_change_a_view_made_here_change_many_rows(self):
        view = "CREATE VIEW v AS SELECT * FROM users"
        self.assertEqual(sql_rules(f"{view}; UPDATE v SET slug = '' WHERE id = 1"), {"many-rows"})

    def test_are_told_apart_from_what_is_in_literals_comments_and_bodies(self):
        for script in [
            "COMMENT ON TABLE users IS 'LOCK TABLE users; DROP TABLE users'",
            "/* DROP TABLE users; /* nested */ TRUNCATE users; */ ALTER TABLE users ADD a text",
            "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS $x$ TRUNCATE users; $x$",
        ]:
            with self.subTest(script):
                self.assertEqual(lint_sql(script), [])

    def test_are_shown_each_by_its_own_line(self):
        found = lint_sql("ALTER TABLE users ADD a text;\n\nLOCK TABLE users;\nTRUNCATE rooms;")
        self.assertEqual(
            [(finding.rule, finding.line) for finding in found],
            [("lock-table", "LOCK TABLE users"), ("truncate", "TRUNCATE rooms")],
        )
        (column,) = lint_sql("ALTER TABLE rooms\n    ADD a text,\n    DROP COLUMN name;")
        self.assertIn("DROP COLUMN name", column.line)

    def test_have_rules_that_say_what_they_do_and_what_to_do_instead(self):
        for name, rule in RULES.items():
            with self.subTest(name):
                self.assertRegex(rule.what, r"\w.*[.:]$")
                self.assertRegex(rule.instead, r"\w.*[.]$")

    def test_may_set_locally_what_the_rule_about_settings_names(self):
        named = re.findall(r"(\w+_\w+) to", RULES["session-setting"].instead)
        self.assertEqual(len(named), 3)
        for name in named:
            with self.subTest(name):
                self.assertEqual(sql_rules(f"SET LOCAL {name} = 9000"), set())
                self.assertEqual(sql_rules(f"SET {name} = 9000"), {"session-setting"})

    def test_break_every_rule_of_this_project(self):
        tested_elsewhere = {"run-python", "lock-held", "set-schema"} | FINAL
        self.assertEqual(set(RULES) - set(REFUSED), tested_elsewhere - {"syntax-error"})


class LocksHeld(SimpleTestCase):
    """What may take its time does not follow what makes others wait, in one transaction."""

    LOCKS = (
        "ALTER TABLE users ADD a text",
        "ALTER INDEX idx_users_role SET (fillfactor = 70)",
        "ALTER TABLE users ADD CHECK (slug <> '') NOT VALID",
        "CREATE TABLE new (id uuid REFERENCES users (id))",
        "CREATE TABLE new (id uuid, FOREIGN KEY (id) REFERENCES users)",
        "CREATE TABLE new (id uuid); ALTER TABLE new ADD FOREIGN KEY (id) REFERENCES users",
    )
    LONG = (
        "UPDATE users SET slug = 'x' WHERE id = 'y'",
        "DELETE FROM rooms WHERE id = 'y'",
        "ALTER TABLE users VALIDATE CONSTRAINT c",
    )

    def test_are_found_before_each_kind_of_long_work(self):
        for lock in self.LOCKS:
            for long in self.LONG:
                with self.subTest(f"{lock}; {long}"):
                    self.assertEqual(sql_rules(f"{lock}; {long}"), {"lock-held"})
                    self.assertEqual(sql_rules(f"{lock}; SELECT 1; {long}"), {"lock-held"})
                    self.assertEqual(sql_rules(f"{long}; {lock}"), set())

    def test_are_found_beside_what_is_refused_anyhow(self):
        for long, rule in {
            "UPDATE users SET a = slug": "many-rows",
            "UPDATE users SET a = slug WHERE a IS NULL": "many-rows",
            "INSERT INTO roles (name) SELECT slug FROM users": "insert-select",
            "INSERT INTO roles (name) VALUES (pg_sleep(9))": "function-call",
            "CREATE INDEX idx_users_a ON users (a)": "require-concurrent-index-creation",
            "CREATE TABLE copies AS SELECT * FROM users": "create-table-as",
            "DO 'BEGIN END'": "do-block",
            "CALL p()": "call",
            "SELECT pg_sleep(9)": "select",
        }.items():
            with self.subTest(long):
                self.assertEqual(
                    sql_rules(f"ALTER TABLE users ADD a text; {long}"), {rule, "lock-held"}
                )

    def test_are_found_in_one_statement(self):
        for statement in [
            "ALTER TABLE users ADD CONSTRAINT c CHECK (a > 0) NOT VALID, VALIDATE CONSTRAINT c",
            "ALTER TABLE users VALIDATE CONSTRAINT c, ADD a text",
        ]:
            with self.subTest(statement):
                self.assertIn("lock-held", sql_rules(statement))

    def test_are_found_where_a_new_table_is_changed_by_what_others_hold(self):
        for long in [
            "UPDATE a SET id = plays.id FROM users, plays",
            "UPDATE a SET id = users.id FROM a AS b JOIN users ON true",
            "DELETE FROM a USING users",
        ]:
            script = f"ALTER TABLE users ADD b text; CREATE TABLE a (id uuid); {long}"
            with self.subTest(script):
                self.assertEqual(sql_rules(script), {"lock-held"})

    def test_are_no_matter_where_nobody_waits(self):
        for script in [
            "CREATE TABLE new (id uuid); UPDATE users SET slug = 'x' WHERE id = 'y'",
            "CREATE TABLE new (id uuid REFERENCES users (id)); CREATE INDEX idx_new_id ON new (id)",
            "ALTER TABLE users ADD a text; INSERT INTO roles (name) VALUES ('x')",
            "ALTER TABLE users ADD a text; CREATE TABLE new (id uuid); UPDATE new SET id = NULL",
            "COMMENT ON TABLE users IS 'x'; DELETE FROM users WHERE id = 'y'",
            "CREATE TABLE new (id uuid REFERENCES new (id)); DELETE FROM users WHERE id = 'y'",
            "ALTER TABLE users ADD a text; CREATE TABLE new (id uuid); CREATE TABLE b (id uuid); "
            "UPDATE new SET id = NULL FROM b",
            "CREATE TYPE mood AS ENUM (); DELETE FROM users WHERE id = 'y'",
        ]:
            with self.subTest(script):
                self.assertEqual(lint_sql(script), [])

    def test_may_be_held_for_a_reason(self):
        script = """
            ALTER TABLE roles ADD a text;
            -- lint-ignore lock-held: there are a dozen roles
            -- lint-ignore many-rows: there are a dozen roles
            UPDATE roles SET a = name;
        """
        self.assertEqual(lint_sql(script), [])

    def test_may_be_held_by_indexes_that_give_a_reason(self):
        index = "-- Short.\n-- squawk-ignore require-concurrent-index-creation\nCREATE INDEX ON"
        self.assertEqual(lint_sql(f"{index} roles (name);\n{index} roles (id);"), [])
        self.assertEqual(
            sql_rules(f"{index} roles (name);\nDELETE FROM roles WHERE id = 'x'"), {"lock-held"}
        )


class ReasonsInSql(SimpleTestCase):
    DROP = "ALTER TABLE rooms DROP COLUMN name;"

    def test_lift_the_rule_that_they_name(self):
        for comment in [
            "-- lint-ignore ban-drop-column: nobody has read it since the chat moved",
            "--lint-ignore ban-drop-column : nobody reads it",
            "/* lint-ignore ban-drop-column: nobody reads it */",
            "/*\n * lint-ignore ban-drop-column: nobody reads it\n */",
            "-- Some words.\n\n-- lint-ignore ban-drop-column: nobody reads it\n-- Others.",
            "-- Nobody reads it.\n-- squawk-ignore ban-drop-column",
        ]:
            with self.subTest(comment):
                self.assertEqual(lint_sql(f"{comment}\n{self.DROP}"), [])

    def test_may_stand_within_the_statement(self):
        self.assertEqual(
            lint_sql(
                "ALTER TABLE rooms\n"
                "    -- lint-ignore ban-drop-column: nobody reads it\n"
                "    DROP COLUMN name;"
            ),
            [],
        )

    def test_are_missing_where_they_say_nothing(self):
        for comment in [
            "-- lint-ignore ban-drop-column",
            "-- lint-ignore ban-drop-column:",
            "-- lint-ignore ban-drop-column: ",
            "-- lint-ignore ban-drop-column: …",
            "-- squawk-ignore ban-drop-column",
            "-- lint-ignore ban-drop-column:\n-- squawk-ignore ban-drop-column",
        ]:
            with self.subTest(comment):
                self.assertEqual(
                    sql_rules(f"{comment}\n{self.DROP}"), {"ban-drop-column", "reason-missing"}
                )

    def test_are_refused_where_they_name_another_rule(self):
        for comment in [
            "-- lint-ignore truncate: nobody reads it",
            "-- lint-ignore ban-drop-colum: nobody reads it",
            "-- lint-ignore: nobody reads it",
            "-- Nobody reads it.\n-- squawk-ignore ban-drop-table",
        ]:
            with self.subTest(comment):
                self.assertEqual(
                    sql_rules(f"{comment}\n{self.DROP}"), {"ban-drop-column", "ignore-not-needed"}
                )

    def test_are_refused_where_they_are_not_needed(self):
        harmless = "ALTER TABLE rooms ADD COLUMN topic text;"
        for comment in [
            "-- lint-ignore ban-drop-column: nobody reads it",
            "-- lint-ignore ban-drop-column",
            "-- Nobody reads it.\n-- squawk-ignore ban-drop-column",
        ]:
            with self.subTest(comment):
                (finding,) = lint_sql(f"{comment}\n{harmless}")
                self.assertEqual(finding.rule, "ignore-not-needed")
                self.assertIn("ban-drop-column", finding.line)

    def test_are_about_the_next_statement_only(self):
        reason = "-- lint-ignore ban-drop-column: nobody reads it\n"
        self.assertEqual(sql_rules(f"{reason}{self.DROP}\n{self.DROP}"), {"ban-drop-column"})
        self.assertEqual(
            sql_rules(f"{reason}SELECT 1;\n{self.DROP}"), {"ban-drop-column", "ignore-not-needed"}
        )

    def test_are_refused_where_no_statement_follows(self):
        reason = "-- lint-ignore ban-drop-column: nobody reads it"
        for sql in [
            f"SELECT 1;\n{reason}",
            f"SELECT 1; {reason}\n",
            f"SELECT 1;\n/* {reason[3:]} */;",
            reason,
            f"{reason}\n;",
        ]:
            with self.subTest(sql):
                self.assertEqual(sql_rules(sql), {"ignore-not-needed"})
        self.assertEqual(
            sql_rules(f"{self.DROP}\n{reason}"), {"ban-drop-column", "ignore-not-needed"}
        )

    def test_lift_nothing_else_of_the_statement(self):
        sql = (
            "-- lint-ignore ban-drop-column: nobody reads it\n"
            "ALTER TABLE rooms DROP COLUMN name, SET UNLOGGED"
        )
        self.assertEqual(sql_rules(sql), {"set-logged"})

    def test_are_taken_for_squawks_ignore_from_where_the_same_rule_was_given_one(self):
        one = f"-- Nobody reads it.\n-- squawk-ignore ban-drop-column\n{self.DROP}\n"
        other = f"-- squawk-ignore ban-drop-column\n{self.DROP}\n"
        self.assertEqual(lint_sql(one + other), [])
        self.assertEqual(sql_rules(other + one), {"ban-drop-column", "reason-missing"})

    def test_are_no_reasons_in_literals(self):
        sql = "COMMENT ON TABLE rooms IS '\n-- lint-ignore ban-drop-column: x\n'; " + self.DROP
        self.assertEqual(sql_rules(sql), {"ban-drop-column"})

    def test_do_not_switch_squawk_off(self):
        for comment in ["-- squawk-ignore-file", "-- squawk-ignore-file ban-drop-column"]:
            with self.subTest(comment):
                self.assertIn("ban-drop-column", sql_rules(f"{comment}\n{self.DROP}"))

    def test_can_be_given_for_every_rule_but_those_about_the_migration_itself(self):
        for rule, statements in REFUSED.items():
            statement = statements.strip().partition("\n")[0]
            with self.subTest(rule):
                left = sql_rules(f"-- lint-ignore {rule}: it has to be\n{statement}")
                self.assertEqual(left, {rule} & FINAL)


class Linter(TestCase):
    def test_refuses_what_django_writes(self):
        for rule, operations in {
            # A volatile default rewrites the table.
            "adding-field-with-default": "migrations.AddField("
            "'room', 'key', models.UUIDField(db_default=RandomUUID()))",
            "adding-required-field": "migrations.RunSQL("
            "'ALTER TABLE rooms ADD COLUMN size integer NOT NULL')",
            # Django's own default is gone for the services that insert.
            "ban-drop-default": "migrations.AddField("
            "'room', 'size', models.IntegerField(default=0))",
            "add-column": "migrations.AddField("
            "'room', 'size', models.PositiveIntegerField(null=True))",
            "require-concurrent-index-creation": "migrations.AddIndex("
            "'room', Index(fields=['room_type'], name='idx_rooms_room_type'))",
            "require-concurrent-index-deletion": "migrations.RemoveIndex("
            "'room', 'idx_rooms_created_at')",
            "renaming-column": "migrations.RenameField('room', 'name', 'title')",
            "renaming-table": "migrations.AlterModelTable('room', 'chat_rooms')",
            "ban-drop-column": "migrations.RemoveField('room', 'description')",
            "ban-drop-table": "migrations.DeleteModel('room')",
            "ban-drop-constraint": "migrations.AlterField('room', 'creator', models.ForeignKey("
            "'accounts.User', models.DB_CASCADE, db_constraint=False, db_index=False))",
            "changing-column-type": "migrations.AlterField("
            "'room', 'max_members', models.BigIntegerField(db_default=1000))",
            "constraint-missing-not-valid": "migrations.AddConstraint('room', "
            "models.CheckConstraint(condition=models.Q(max_members__lt=9), name='chk_rooms_few'))",
            "disallowed-unique-constraint": "migrations.AddConstraint('room', "
            "models.UniqueConstraint(fields=['creator'], name='idx_rooms_creator_id_one'))",
            "trigger": "updated_at_trigger('rooms')",
            # What it writes depends on the database at hand.
            "extension": "CreateExtension('plpgsql')",
            "syntax-error": "migrations.RunSQL('ALTER TABLE rooms ADD COLUMN')",
        }.items():
            with self.subTest(rule):
                self.assertIn(rule, rules(operations))

    def test_reads_sql_as_it_is_sent(self):
        for operation, broken in {
            "migrations.RunSQL(['LOCK TABLE rooms', 'TRUNCATE rooms'])": {"lock-table", "truncate"},
            "migrations.RunSQL(['LOCK TABLE rooms; TRUNCATE rooms'])": {"lock-table", "truncate"},
            """migrations.RunSQL([("UPDATE rooms SET name = %s WHERE id = %s", ["x'y", "z"])])""": (
                set()
            ),
            """migrations.RunSQL([("UPDATE rooms SET name = '%%' WHERE id = %s", ["z"])])""": set(),
            """migrations.RunSQL([("UPDATE rooms SET name = %s", ["x"])])""": {"many-rows"},
            """migrations.RunSQL("UPDATE rooms SET name = '%' WHERE id = 'x'")""": set(),
            "migrations.RunSQL('SELECT 1', reverse_sql='TRUNCATE rooms')": set(),
            "migrations.RunSQL('TRUNCATE rooms', migrations.RunSQL.noop)": {"truncate"},
            "migrations.RunSQL('TRUNCATE rooms', elidable=True)": {"truncate"},
            "migrations.RunSQL('TRUNCATE rooms', hints={'a': 'b'})": {"truncate"},
            "migrations.RunSQL(migrations.RunSQL.noop)": set(),
            """migrations.RunSQL('SELECT 1', state_operations=[
                migrations.RemoveField('room', 'name')])""": set(),
            """migrations.SeparateDatabaseAndState([migrations.RunSQL('TRUNCATE rooms')])""": {
                "truncate"
            },
            """migrations.SeparateDatabaseAndState(
                state_operations=[migrations.DeleteModel('room')])""": set(),
        }.items():
            with self.subTest(operation):
                self.assertEqual(rules(operation), broken)

    def test_refuses_what_is_not_sql_and_does_not_run_it(self):
        for operation in [
            "migrations.RunPython(fill)",
            "migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)",
            "migrations.RunPython(migrations.RunPython.noop)",
            "Own('SELECT 1')",
            "migrations.SeparateDatabaseAndState([migrations.RunPython(fill)])",
            """migrations.SeparateDatabaseAndState(database_operations=[
                migrations.SeparateDatabaseAndState([Own('SELECT 1')])])""",
        ]:
            with self.subTest(operation):
                self.assertEqual(rules(operation), {"run-python"})

    def test_refuses_what_is_not_sql_while_a_lock_is_held(self):
        self.assertEqual(
            rules(
                "migrations.AddField('room', 'topic', models.TextField(db_default='')),"
                "migrations.RunPython(fill)"
            ),
            {"run-python", "lock-held"},
        )

    def test_refuses_a_migration_that_applies_itself(self):
        operations = "]\n    def apply(self, *arguments, **options):\n        return fill(0, 0)\n#["
        self.assertEqual(rules(operations), {"run-python"})

    def test_reads_tables_that_refer_to_one_made_later_in_the_same_migration(self):
        models = """
            migrations.CreateModel("Poll", [
                ("id", models.UUIDField(primary_key=True)),
                ("best", models.ForeignKey("Answer", models.DB_CASCADE, db_index=False)),
            ], {"db_table": "polls"}),
            migrations.CreateModel("Answer", [
                ("id", models.UUIDField(primary_key=True)),
                ("poll", models.ForeignKey("Poll", models.DB_CASCADE, db_index=False)),
            ], {"db_table": "answers"}),
        """
        self.assertEqual(findings(f"{models}]\n    apply = CreateTables.apply\n#["), [])

    def test_refuses_more_than_one_statement_outside_a_transaction(self):
        sql = "CREATE INDEX CONCURRENTLY i ON rooms (name)"
        column = "ALTER TABLE rooms ADD a text"
        for operations in [
            f"migrations.RunSQL('{sql}; {column}')",
            f"migrations.RunSQL(['{sql}', '{column}'])",
            f"migrations.RunSQL(['{sql}; {column}'])",
            f"migrations.RunSQL('{sql}'), migrations.RunSQL('{column}')",
            f"migrations.SeparateDatabaseAndState([migrations.RunSQL('{sql}; {column}')])",
        ]:
            with self.subTest(operations):
                self.assertEqual(rules(operations, atomic=False), {"one-statement"})
        self.assertIn(
            "one-statement",
            rules(
                "migrations.AddField('room', 'size', models.IntegerField(default=0))", atomic=False
            ),
        )
        self.assertIn(
            "one-statement",
            rules(f"migrations.RunPython(fill), migrations.RunSQL('{column}')", atomic=False),
        )

    def test_lets_pass(self):
        for case, operations in [
            (
                "a column with a constant default",
                "migrations.AddField('room', 'topic', models.TextField(db_default=''))",
            ),
            (
                "an empty foreign key",
                "migrations.AddField('room', 'heir', models.ForeignKey('accounts.User', "
                "models.DB_SET_NULL, null=True, db_index=False, related_name='+'))",
            ),
            (
                "a constraint that is validated later",
                "migrations.RunSQL("
                "'ALTER TABLE rooms ADD CONSTRAINT chk_rooms_x CHECK (max_members < 9) NOT VALID')",
            ),
            (
                "the same by Django",
                "AddConstraintNotValid('room', models.CheckConstraint("
                "condition=models.Q(max_members__lt=9), name='chk_rooms_few'))",
            ),
            ("its validation", "ValidateConstraint('room', 'chk_rooms_few')"),
            (
                "a table, with everything that belongs to it",
                """migrations.RunSQL("CREATE TYPE mute_kind AS ENUM ('voice', 'text')"),
                migrations.CreateModel("Mute", [
                    ("id", models.UUIDField(primary_key=True, db_default=RandomUUID())),
                    ("room", models.ForeignKey(
                        "legacy_chat.Room", models.DB_CASCADE, db_index=False)),
                    ("reason", models.CharField(max_length=9)),
                    ("minutes", models.IntegerField()),
                    ("updated_at", models.DateTimeField()),
                ], {
                    "db_table": "mutes",
                    "indexes": [Index(fields=["room"], name="idx_mutes_room_id")],
                    "constraints": [models.CheckConstraint(
                        condition=models.Q(minutes__gt=0), name="chk_mutes_minutes")],
                }), updated_at_trigger("mutes")""",
            ),
            (
                "what gives a reason",
                '''migrations.RunSQL("""
                    -- Nobody has read it since the chat moved.
                    -- squawk-ignore ban-drop-column
                    ALTER TABLE rooms DROP COLUMN description;
                """)''',
            ),
        ]:
            with self.subTest(case):
                self.assertEqual(findings(operations), [])

    def test_leaves_v1_alone_and_misses_nothing_after_it(self):
        with after_v1(""):
            numbers = [migration.name.partition("_")[0] for migration in migrations_after_v1()]
        self.assertIn("0051", numbers)
        v1 = {"0001", "0010", "0020", "0040", "0041", "0042", "0050", "0900", "0901"}
        self.assertFalse(v1 & set(numbers))


class ReasonsInSource(TestCase):
    """Above an operation that has no SQL of its own to write a comment in."""

    def test_lift_the_rule_that_they_name(self):
        for operations in [
            "\n# lint-ignore run-python: it is quick\nmigrations.RunPython(fill),",
            "\n# lint-ignore run-python: it is quick,\n# and nobody waits\n"
            "migrations.RunPython(\n    fill,\n),",
            "migrations.RunSQL('SELECT 1'),\n# lint-ignore run-python: it is quick\nOwn('x'),",
            "\n# lint-ignore ban-drop-column: nobody reads it\n"
            "migrations.RemoveField('room', 'description'),",
            "\n# lint-ignore ban-drop-column: nobody reads it\n"
            "# lint-ignore ban-drop-constraint: it goes with its column\n"
            "migrations.RemoveField('room', 'creator'),",
            "\n# Nobody reads it.\n# squawk-ignore ban-drop-column\n"
            "migrations.RemoveField('room', 'description'),",
            "\n# lint-ignore trigger: there was none\nupdated_at_trigger('rooms'),",
            "\n# lint-ignore extension: every server of ours has it\nCreateExtension('x'),",
            "\n# lint-ignore run-python: it is quick\n"
            "migrations.SeparateDatabaseAndState([migrations.RunPython(fill)]),",
            "migrations.SeparateDatabaseAndState([\n# lint-ignore run-python: it is quick\n"
            "migrations.RunPython(fill)], []),",
            "migrations.SeparateDatabaseAndState(state_operations=[], database_operations=[\n"
            "# lint-ignore run-python: it is quick\nmigrations.RunPython(fill)]),",
        ]:
            with self.subTest(operations):
                self.assertEqual(findings(operations), [])

    def test_are_missing_where_they_say_nothing(self):
        for comment in [
            "# lint-ignore run-python",
            "# lint-ignore run-python: ",
            "#lint-ignore run-python:-",
        ]:
            with self.subTest(comment):
                self.assertEqual(
                    rules(f"\n{comment}\nmigrations.RunPython(fill),"),
                    {"run-python", "reason-missing"},
                )

    def test_are_refused_where_they_are_about_nothing(self):
        reason = "# lint-ignore run-python: it is quick\n"
        python = "migrations.RunPython(fill),"
        for operations in [
            f"\n# lint-ignore truncate: it is quick\n{python}",
            f"\n{reason}\n{python}",
            f"{python} {reason}",
            f"{python}\n{reason}",
            f"\n{reason}migrations.RunSQL('SELECT 1'),\n{python}",
            f"migrations.RunPython(  {reason} fill),",
            f"] + [\n{reason}{python}",
            f"*[\n{reason}{python}]",
            f"\n{reason}*[{python}]",
        ]:
            with self.subTest(operations):
                self.assertEqual(rules(operations), {"run-python", "ignore-not-needed"})

    def test_are_refused_above_an_operation_of_several_statements_of_sql(self):
        self.assertEqual(
            rules(
                "\n# lint-ignore truncate: it is empty\n"
                "migrations.RunSQL('TRUNCATE rooms; TRUNCATE users'),"
            ),
            {"truncate", "ignore-not-needed"},
        )

    def test_are_not_taken_from_strings(self):
        operations = """migrations.RunSQL('''
# lint-ignore run-python: it is quick
'''),
migrations.RunPython(fill)"""
        self.assertEqual(rules(operations), {"run-python", "syntax-error"})


class LintMigrations(TransactionTestCase):
    """Outside a transaction, as the command runs: CONCURRENTLY is refused inside one."""

    def test_lets_an_index_pass_that_is_made_concurrently(self):
        operation = "AddIndexConcurrently('room', Index(fields=['name'], name='idx_rooms_name_x'))"
        self.assertEqual(rules(operation, atomic=False), set())

    def test_refuses_it_inside_a_transaction(self):
        operation = "AddIndexConcurrently('room', Index(fields=['name'], name='idx_rooms_name_x'))"
        self.assertEqual(rules(operation), {"ban-concurrent-index-creation-in-transaction"})

    def test_refuses_more_than_one_index_that_is_made_concurrently(self):
        one = "AddIndexConcurrently('room', Index(fields=['{0}'], name='idx_rooms_{0}')),"
        both = one.format("room_type") + one.format("is_archived")
        self.assertEqual(rules(both, atomic=False), {"one-statement"})

    def test_refuses_to_drop_an_index_without_a_reason(self):
        operation = "RemoveIndexConcurrently('room', 'idx_rooms_created_at')"
        self.assertEqual(rules(operation, atomic=False), {"drop"})
        self.assertEqual(
            rules(f"\n# lint-ignore drop: no query uses it\n{operation}", atomic=False), set()
        )

    def test_shows_all_findings_by_migration_and_how_to_give_a_reason(self):
        errors = io.StringIO()
        with (
            after_v1(
                "migrations.RenameField('room', 'name', 'title'),"
                "migrations.RunSQL('LOCK TABLE users;\\nTRUNCATE users'),"
                "migrations.RunPython(fill)"
            ),
            self.assertRaisesMessage(CommandError, "-- lint-ignore RULE: reason") as raised,
        ):
            call_command("lint_migrations", stderr=errors)
        self.assertEqual(raised.exception.returncode, 1)
        shown = errors.getvalue()
        self.assertEqual(shown.count("legacy_chat.0051_new"), 1)
        for rule, line in [
            ("renaming-column", 'ALTER TABLE "rooms" RENAME COLUMN "name" TO "title"'),
            ("lock-table", "LOCK TABLE users"),
            ("truncate", "TRUNCATE users"),
            ("run-python", "RunPython(fill)"),
        ]:
            with self.subTest(rule):
                self.assertIn(f"  [{rule}]  ", shown)
                self.assertIn(f"      {line}", shown)

    def test_finds_nothing_in_the_project(self):
        output = io.StringIO()
        call_command("lint_migrations", stdout=output)
        self.assertIn("nothing to refuse", output.getvalue())

    def test_prints_its_rules(self):
        output = io.StringIO()
        call_command("lint_migrations", rules=True, stdout=output)
        for name, rule in RULES.items():
            with self.subTest(name):
                self.assertIn(
                    f"{name}\n    {rule.what}\n    Instead: {rule.instead}", output.getvalue()
                )

    def test_sends_the_database_nothing(self):
        with (
            after_v1("migrations.RunSQL('LOCK TABLE users')"),
            connection.execute_wrapper(_refuse),
            self.assertRaises(CommandError),
        ):
            call_command("lint_migrations", stderr=io.StringIO())


def _refuse(_execute, sql, *_arguments):
    raise AssertionError(sql)


@tag("slow")  # it runs a dozen commands in copies of the project
class Chain(TestCase):
    """Migrations after V1 come one after the other, whatever their apps."""

    def setUp(self):
        self.project = Project(self, self.enterContext(empty_database()))

    def make(self, *apps, name):
        made = self.project.manage("makemigrations", *apps, "--empty", "--name", name)
        self.assertEqual(made.returncode, 0, made.stderr)

    def lint(self):
        ended = self.project.manage("lint_migrations")
        return ended.stdout + ended.stderr

    def test_is_what_makemigrations_writes_in_one_app_after_another_and_at_once(self):
        for apps in [["streaming"], ["streaming"], ["accounts"], ["veza_site", "media", "rbac"]]:
            with self.subTest(apps):
                self.make(*apps, name="new")
                self.assertIn("nothing to refuse", self.lint())

    def test_is_mended_by_hand_after_two_branches_made_a_migration_each(self):
        last = newest_migration()
        max_migration = self.project.directory / "streaming" / "migrations" / "max_migration.txt"
        before = max_migration.read_text()
        self.make("streaming", name="ours")
        ours = self.project.migration("streaming", "ours")
        aside = ours.rename(self.project.directory / ours.name)
        max_migration.write_text(before)
        self.make("media", name="theirs")
        theirs = self.project.migration("media", "theirs")
        aside.rename(ours)
        max_migration.write_text(f"{ours.stem}\n")
        self.assertIn(
            f"CommandError: media.{theirs.stem} and streaming.{ours.stem} do not come one after "
            "the other. Each migration has to depend on the one before it, whatever its app: add "
            "the older of the two to the `dependencies` of the newer.",
            self.lint(),
        )
        self.project.replace(
            theirs, f"('{last.app_label}', '{last.name}')", f"('streaming', '{ours.stem}')"
        )
        self.assertIn("nothing to refuse", self.lint())


class MaxMigration(TestCase):
    """Two branches that add a migration each both change max_migration.txt: git sees a conflict."""

    def test_is_the_last_one_of_each_app(self):
        self.assertEqual([error for error in run_checks() if error.id.startswith("dlm.")], [])

    def test_that_is_stale_fails_the_system_checks(self):
        conflict = dedent("""\
            <<<<<<< HEAD
            0050_legacy_chat
            =======
            0051_new
            >>>>>>> theirs
        """)
        for content, error in {
            "0050_legacy_chat\n": "dlm.E004",
            "0049_gone\n": "dlm.E003",
            conflict: "dlm.E002",
        }.items():
            with self.subTest(error), after_v1("") as folder:
                (folder / "max_migration.txt").write_text(content)
                found = [found.id for found in run_checks() if "legacy_chat's" in found.msg]
                self.assertEqual(found, [error])
