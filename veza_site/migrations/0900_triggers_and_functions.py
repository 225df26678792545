"""The function and the triggers that keep `updated_at`."""

from django.db import migrations

from veza_site.migrating.operations import updated_at_trigger

FUNCTION = """
CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("veza_site", "0001_extensions_and_types"),
        ("accounts", "0010_auth_and_users"),
        ("rbac", "0020_rbac_and_profiles"),
        ("streaming", "0041_streaming_analytics"),
        ("media", "0042_media_processing"),
        ("legacy_chat", "0050_legacy_chat"),
    ]

    operations = [
        migrations.RunSQL(FUNCTION),
        updated_at_trigger("users"),
        updated_at_trigger("federated_identities"),
        updated_at_trigger("refresh_tokens"),
        updated_at_trigger("password_reset_tokens"),
        updated_at_trigger("email_verification_tokens"),
        updated_at_trigger("user_sessions"),
        updated_at_trigger("roles"),
        updated_at_trigger("permissions"),
        updated_at_trigger("user_roles"),
        updated_at_trigger("role_permissions"),
        updated_at_trigger("user_profiles"),
        updated_at_trigger("user_settings"),
        updated_at_trigger("tracks"),
        updated_at_trigger("track_versions"),
        updated_at_trigger("playlists"),
        updated_at_trigger("playlist_tracks"),
        updated_at_trigger("playlist_collaborators"),
        updated_at_trigger("track_comments"),
        updated_at_trigger("hls_streams"),
        updated_at_trigger("hls_transcode_queue"),
        updated_at_trigger("rooms"),
    ]
