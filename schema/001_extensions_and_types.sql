-- 001 · extensions and types
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.

-- V1 itself needs neither, older code does. They are created if the server offers them.
DO $$
DECLARE
    offered name;
BEGIN
    FOR offered IN
        SELECT name FROM pg_available_extensions WHERE name IN ('pgcrypto', 'uuid-ossp') ORDER BY name
    LOOP
        EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA public', offered);
    END LOOP;
END
$$;

DO $$
BEGIN
    IF to_regtype('public.hls_stream_status') IS NULL THEN
        CREATE TYPE public.hls_stream_status AS ENUM ('pending', 'processing', 'ready', 'failed');
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regtype('public.playlist_permission') IS NULL THEN
        CREATE TYPE public.playlist_permission AS ENUM ('read', 'write', 'admin');
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regtype('public.room_type') IS NULL THEN
        CREATE TYPE public.room_type AS ENUM ('direct', 'group', 'channel', 'support');
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regtype('public.track_history_action') IS NULL THEN
        CREATE TYPE public.track_history_action AS ENUM ('created', 'updated', 'published', 'unpublished', 'version_added', 'deleted', 'restored');
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regtype('public.track_status') IS NULL THEN
        CREATE TYPE public.track_status AS ENUM ('uploading', 'processing', 'ready', 'failed');
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regtype('public.transcode_status') IS NULL THEN
        CREATE TYPE public.transcode_status AS ENUM ('pending', 'processing', 'completed', 'failed', 'cancelled');
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regtype('public.user_role') IS NULL THEN
        CREATE TYPE public.user_role AS ENUM ('guest', 'user', 'premium', 'moderator', 'admin', 'super_admin');
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regtype('public.user_status') IS NULL THEN
        CREATE TYPE public.user_status AS ENUM ('active', 'inactive', 'suspended', 'banned');
    END IF;
END
$$;
