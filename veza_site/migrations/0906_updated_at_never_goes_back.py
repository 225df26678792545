"""
Let `updated_at` never go back for a row.

CURRENT_TIMESTAMP is when the transaction began. If A begins, B changes the row and commits, and
then A changes it, A's time lies before B's: who asks for “newer than the last” had B's and missed
A. The trigger runs once the row is locked, so it can see B's time and go past it.
"""

from django.db import migrations

FUNCTION = """
-- lint-ignore replace: the trigger function stays what it is, and its time only becomes later
CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at = CASE
        WHEN OLD.updated_at >= '294276-12-31 UTC' THEN OLD.updated_at  -- the end of time
        WHEN OLD.updated_at > CURRENT_TIMESTAMP THEN OLD.updated_at + interval '1 microsecond'
        ELSE CURRENT_TIMESTAMP
    END;
    RETURN NEW;
END;
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("veza_site", "0903_admin_log_indexes"),
        ("accounts", "0905_email_in_words"),
    ]

    operations = [
        migrations.RunSQL(FUNCTION),
    ]
