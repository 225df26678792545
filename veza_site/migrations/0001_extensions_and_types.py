"""
The extensions and the enum types.

Nothing in V1 needs the extensions: gen_random_uuid() is core PostgreSQL. Older code of the platform
does, so they are created where the server offers them.
"""

from django.db import migrations


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.RunSQL(
            """
            DO $$
            DECLARE
                offered name;
            BEGIN
                FOR offered IN
                    SELECT name FROM pg_available_extensions
                    WHERE name IN ('pgcrypto', 'uuid-ossp')
                LOOP
                    EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I', offered);
                END LOOP;
            END
            $$;
            """
        ),
        migrations.RunSQL(
            """
            CREATE TYPE user_role AS ENUM
                ('guest', 'user', 'premium', 'moderator', 'admin', 'super_admin');
            CREATE TYPE user_status AS ENUM ('active', 'inactive', 'suspended', 'banned');
            CREATE TYPE playlist_permission AS ENUM ('read', 'write', 'admin');
            CREATE TYPE track_status AS ENUM ('uploading', 'processing', 'ready', 'failed');
            CREATE TYPE track_history_action AS ENUM
                ('created', 'updated', 'published', 'unpublished', 'version_added', 'deleted',
                 'restored');
            CREATE TYPE hls_stream_status AS ENUM ('pending', 'processing', 'ready', 'failed');
            CREATE TYPE transcode_status AS ENUM
                ('pending', 'processing', 'completed', 'failed', 'cancelled');
            CREATE TYPE room_type AS ENUM ('direct', 'group', 'channel', 'support');
            """
        ),
    ]
