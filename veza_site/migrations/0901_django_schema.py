"""
Move Django's own tables into the schema `django`, so that `public` holds V1 and nothing else.

They are found there by the connection's search_path. Their foreign key to `users` becomes one that
the database follows itself: the backend deletes users in plain SQL.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("veza_site", "0900_triggers_and_functions"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            """
            -- Not IF NOT EXISTS, which asks for the right to create where there is nothing to do.
            DO $$
            BEGIN
                IF to_regnamespace('django') IS NULL THEN
                    CREATE SCHEMA django;
                END IF;
            END
            $$;
            ALTER TABLE public.django_migrations SET SCHEMA django;
            ALTER TABLE public.django_content_type SET SCHEMA django;
            ALTER TABLE public.auth_permission SET SCHEMA django;
            ALTER TABLE public.auth_group SET SCHEMA django;
            ALTER TABLE public.auth_group_permissions SET SCHEMA django;
            ALTER TABLE public.django_admin_log SET SCHEMA django;
            ALTER TABLE public.django_session SET SCHEMA django;
            """
        ),
        migrations.RunSQL(
            """
            ALTER TABLE django.django_admin_log
                DROP CONSTRAINT django_admin_log_user_id_fkey,
                ADD CONSTRAINT django_admin_log_user_id_fkey
                    FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE;
            """
        ),
    ]
