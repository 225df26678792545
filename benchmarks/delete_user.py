"""
Deleting a user with 100,000 plays, likes and tokens, beside Django's Python-level on_delete.

    .venv/bin/python -m benchmarks.delete_user [ROUNDS]

Both sides have the same tables, rows and indexes, each in its own database. Every round fills both
again.
"""

import sys
from functools import partial

from django.apps import apps
from django.core.management import call_command
from django.db import connections, models

from benchmarks.measure import in_turns, timed
from tests.support.databases import alias, empty_database, v1_models

# How many plays, likes and refresh tokens the user has; each token is replaced by the next.
MIXES = {
    "100,000 tokens": (0, 0, 100_000),
    "a third of each": (33_333, 33_333, 33_334),
    "100,000 plays": (100_000, 0, 0),
    "100,000 likes": (0, 100_000, 0),
}

ROWS = """
INSERT INTO users (email, username, password_hash)
VALUES ('creator@veza.example', 'creator', '!'), ('doomed@veza.example', 'doomed', '!');

INSERT INTO tracks (creator_id, title, slug, artist, file_path, file_size, mime_type)
SELECT users.id, number, number, 'x', 'x', 0, 'audio/flac'
FROM users, generate_series(1, GREATEST(%(plays)s, %(likes)s)) AS number
WHERE username = 'creator';

INSERT INTO track_plays (user_id, track_id)
SELECT users.id, tracks.id FROM users, tracks WHERE username = 'doomed' LIMIT %(plays)s;

INSERT INTO track_likes (user_id, track_id)
SELECT users.id, tracks.id FROM users, tracks WHERE username = 'doomed' LIMIT %(likes)s;

WITH tokens AS MATERIALIZED (
    SELECT number, gen_random_uuid() AS id FROM generate_series(1, %(tokens)s) AS number
)
INSERT INTO refresh_tokens (id, user_id, token_hash, expires_at, replaced_by_id)
SELECT tokens.id, users.id, md5(number::text), now(), lead(tokens.id) OVER (ORDER BY number)
FROM users, tokens WHERE username = 'doomed';

ANALYZE;
"""


def python_level_models() -> dict[str, type[models.Model]]:
    """Return a copy of each V1 model, by table, with Django's Python-level CASCADE and SET_NULL."""
    copies: dict[str, type[models.Model]] = {}
    for model in v1_models():
        attributes = {}
        for field in model._meta.local_fields:
            copy = field.clone()
            if field.is_relation:
                cascades = field.remote_field.on_delete is models.DB_CASCADE
                copy.remote_field.on_delete = models.CASCADE if cascades else models.SET_NULL
                copy.remote_field.related_name = "+"
                if field.related_model is not model:
                    target = copies[field.related_model._meta.db_table]
                    copy.remote_field.model = target
                else:
                    copy.remote_field.model = "self"
            attributes[field.name] = copy
        options = {
            "app_label": "veza_site",  # Django looks for relations in installed apps only
            "db_table": model._meta.db_table,
            "constraints": [constraint.clone() for constraint in model._meta.constraints],
            "indexes": [index.clone() for index in model._meta.indexes],
        }
        attributes |= {"__module__": __name__, "Meta": type("Meta", (), options)}
        copies[model._meta.db_table] = type(f"Python{model.__name__}", (models.Model,), attributes)
    return copies


def fill(database: str, plays: int, likes: int, tokens: int) -> None:
    with connections[database].cursor() as cursor:
        cursor.execute("TRUNCATE users CASCADE")
        cursor.execute(ROWS, {"plays": plays, "likes": likes, "tokens": tokens})
        cursor.execute("CHECKPOINT")


def delete(user_model: type[models.Model], database: str, mix: tuple[int, int, int]) -> float:
    fill(database, *mix)
    user = user_model.objects.using(database).get(username="doomed")
    seconds = timed(user.delete)
    with connections[database].cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM track_likes),"
            " (SELECT count(*) FROM refresh_tokens), (SELECT count(user_id) FROM track_plays)"
        )
        assert cursor.fetchone() == (1, 0, 0, 0)
    return seconds


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with empty_database() as ours, empty_database() as python, alias(ours), alias(python):
        call_command("migrate", database=ours, verbosity=0)
        call_command("migrate", "veza_site", "0001", database=python, verbosity=0)
        copies = python_level_models()
        with connections[python].schema_editor() as editor:
            for model in copies.values():
                editor.create_model(model)
        for name, mix in MIXES.items():
            print(f"A user with {name}")
            medians = in_turns(
                rounds,
                database_level=partial(delete, apps.get_model("accounts.User"), ours, mix),
                python_level=partial(delete, copies["users"], python, mix),
            )
            ratio = medians["python_level"] / medians["database_level"]
            print(f"database-level is {ratio:.1f} times as fast\n", flush=True)


if __name__ == "__main__":
    main()
