"""
Let nobody take back that a token or a session was revoked or used, or that tokens were outdated.

The services never do. Plain SQL could bring a token back to life that its owner, or the staff, had
ended. Each trigger is called for such a change only: other writers don't notice it.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION refuse_to_take_back() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% of % can''t be taken back', TG_ARGV[0], TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END;
$$;
"""

TRIGGER = """
-- lint-ignore trigger: it is called only for a change that no service makes
CREATE TRIGGER keep_{table}_{column}
    BEFORE UPDATE OF {column} ON {table} FOR EACH ROW
    WHEN ({condition})
    EXECUTE FUNCTION refuse_to_take_back('{column}');
"""


def keep(table: str, column: str, condition: str = "") -> migrations.RunSQL:
    """Return the operation that keeps a column's value from being taken back."""
    spent = condition or f"OLD.{column} IS NOT NULL AND NEW.{column} IS NULL"
    return migrations.RunSQL(TRIGGER.format(table=table, column=column, condition=spent))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0905_email_in_words"),
        ("veza_site", "0906_updated_at_never_goes_back"),
    ]

    operations = [
        migrations.RunSQL(FUNCTION),
        keep("refresh_tokens", "revoked_at"),
        keep("user_sessions", "revoked_at"),
        keep("password_reset_tokens", "used_at"),
        keep("email_verification_tokens", "used_at"),
        keep("users", "token_version", "NEW.token_version < OLD.token_version"),
    ]
