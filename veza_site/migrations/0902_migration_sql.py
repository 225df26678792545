"""Where `migrate` keeps what the applied migrations did, so that one can't be edited unnoticed."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("veza_site", "0901_django_schema"),
    ]

    operations = [
        migrations.RunSQL(
            """
            CREATE TABLE django.migration_sql (
                app text NOT NULL,
                name text NOT NULL,
                sql_sha256 text NOT NULL,
                source_sha256 text NOT NULL,
                PRIMARY KEY (app, name)
            );
            """
        ),
    ]
