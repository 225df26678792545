-- 040 · streaming core
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.

-- An ordered list of tracks.
CREATE TABLE IF NOT EXISTS public.playlists (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    owner_id uuid NOT NULL,
    duplicated_from_id uuid,
    title character varying(255) NOT NULL,
    slug character varying(255) NOT NULL,
    description text NOT NULL DEFAULT ''::text,
    cover_url text,
    is_public boolean NOT NULL DEFAULT false,
    is_collaborative boolean NOT NULL DEFAULT false,
    track_count integer NOT NULL DEFAULT 0,
    follower_count integer NOT NULL DEFAULT 0,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamp with time zone,
    CONSTRAINT playlists_pkey PRIMARY KEY (id),
    CONSTRAINT chk_playlists_counters CHECK (((track_count >= 0) AND (follower_count >= 0))),
    CONSTRAINT playlists_duplicated_from_id_fkey FOREIGN KEY (duplicated_from_id) REFERENCES public.playlists(id) ON DELETE SET NULL,
    CONSTRAINT playlists_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.users(id) ON DELETE CASCADE
);
-- The newest playlists.
CREATE INDEX IF NOT EXISTS idx_playlists_created_at ON public.playlists USING btree (created_at DESC);
-- The copies of a playlist: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_playlists_duplicated_from_id ON public.playlists USING btree (duplicated_from_id);
-- A person's playlists, the newest first.
CREATE INDEX IF NOT EXISTS idx_playlists_owner_id_created_at ON public.playlists USING btree (owner_id, created_at DESC);
CREATE UNIQUE INDEX IF NOT EXISTS idx_playlists_slug ON public.playlists USING btree (slug) WHERE (deleted_at IS NULL);

-- A piece of music that somebody uploaded.
CREATE TABLE IF NOT EXISTS public.tracks (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    creator_id uuid NOT NULL,
    title character varying(255) NOT NULL,
    slug character varying(255) NOT NULL,
    artist character varying(255) NOT NULL,
    album character varying(255),
    genre character varying(100),
    description text NOT NULL DEFAULT ''::text,
    tags text[] NOT NULL DEFAULT '{}'::text[],
    duration_seconds integer,  -- Empty until the file is analysed.
    bpm smallint,
    musical_key character varying(10),
    file_path text NOT NULL,  -- Key in the object storage.
    file_size bigint NOT NULL,  -- Bytes.
    mime_type character varying(100) NOT NULL,
    checksum_sha256 character varying(64),
    cover_url text,
    waveform_url text,
    status public.track_status NOT NULL DEFAULT 'uploading'::public.track_status,
    is_public boolean NOT NULL DEFAULT false,
    is_explicit boolean NOT NULL DEFAULT false,
    published_at timestamp with time zone,
    play_count bigint NOT NULL DEFAULT 0,
    like_count bigint NOT NULL DEFAULT 0,
    share_count bigint NOT NULL DEFAULT 0,
    comment_count bigint NOT NULL DEFAULT 0,
    pruned_play_count bigint NOT NULL DEFAULT 0,  -- Old plays that were deleted; play_count goes on counting them.
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamp with time zone,
    CONSTRAINT tracks_pkey PRIMARY KEY (id),
    CONSTRAINT chk_tracks_bpm CHECK (((bpm >= 1) AND (bpm <= 999))),
    CONSTRAINT chk_tracks_counters CHECK (((play_count >= 0) AND (like_count >= 0) AND (share_count >= 0) AND (comment_count >= 0))),
    CONSTRAINT chk_tracks_duration_seconds CHECK ((duration_seconds > 0)),
    CONSTRAINT chk_tracks_file_size CHECK ((file_size >= 0)),
    CONSTRAINT tracks_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.users(id) ON DELETE CASCADE
) WITH (fillfactor=90);
-- The newest uploads.
CREATE INDEX IF NOT EXISTS idx_tracks_created_at ON public.tracks USING btree (created_at DESC);
-- A creator's tracks, the newest first.
CREATE INDEX IF NOT EXISTS idx_tracks_creator_id_created_at ON public.tracks USING btree (creator_id, created_at DESC);
-- Browsing by genre.
CREATE INDEX IF NOT EXISTS idx_tracks_genre ON public.tracks USING btree (genre);
-- The public feed.
CREATE INDEX IF NOT EXISTS idx_tracks_published_at ON public.tracks USING btree (published_at DESC) WHERE ((deleted_at IS NULL) AND is_public);
CREATE UNIQUE INDEX IF NOT EXISTS idx_tracks_slug ON public.tracks USING btree (slug) WHERE (deleted_at IS NULL);
-- Tracks with a tag: tags @> ….
CREATE INDEX IF NOT EXISTS idx_tracks_tags ON public.tracks USING gin (tags);

-- Somebody other than the owner who may see or change a playlist.
CREATE TABLE IF NOT EXISTS public.playlist_collaborators (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    playlist_id uuid NOT NULL,
    user_id uuid NOT NULL,
    invited_by_id uuid,
    permission public.playlist_permission NOT NULL DEFAULT 'read'::public.playlist_permission,
    accepted_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT playlist_collaborators_pkey PRIMARY KEY (id),
    CONSTRAINT playlist_collaborators_invited_by_id_fkey FOREIGN KEY (invited_by_id) REFERENCES public.users(id) ON DELETE SET NULL,
    CONSTRAINT playlist_collaborators_playlist_id_fkey FOREIGN KEY (playlist_id) REFERENCES public.playlists(id) ON DELETE CASCADE,
    CONSTRAINT playlist_collaborators_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
-- Whom a person invited: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_playlist_collaborators_invited_by_id ON public.playlist_collaborators USING btree (invited_by_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_playlist_collaborators_playlist_id_user_id ON public.playlist_collaborators USING btree (playlist_id, user_id);
-- The playlists on which a person works.
CREATE INDEX IF NOT EXISTS idx_playlist_collaborators_user_id ON public.playlist_collaborators USING btree (user_id);

-- Somebody follows a playlist.
CREATE TABLE IF NOT EXISTS public.playlist_follows (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    playlist_id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT playlist_follows_pkey PRIMARY KEY (id),
    CONSTRAINT playlist_follows_playlist_id_fkey FOREIGN KEY (playlist_id) REFERENCES public.playlists(id) ON DELETE CASCADE,
    CONSTRAINT playlist_follows_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
-- A playlist's followers, the newest first.
CREATE INDEX IF NOT EXISTS idx_playlist_follows_playlist_id_created_at ON public.playlist_follows USING btree (playlist_id, created_at DESC);
CREATE UNIQUE INDEX IF NOT EXISTS idx_playlist_follows_user_id_playlist_id ON public.playlist_follows USING btree (user_id, playlist_id);

-- A track's place in a playlist.
CREATE TABLE IF NOT EXISTS public.playlist_tracks (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    playlist_id uuid NOT NULL,
    track_id uuid NOT NULL,
    added_by_id uuid,
    position integer NOT NULL,  -- From 0.
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT playlist_tracks_pkey PRIMARY KEY (id),
    CONSTRAINT chk_playlist_tracks_position CHECK (("position" >= 0)),
    CONSTRAINT playlist_tracks_added_by_id_fkey FOREIGN KEY (added_by_id) REFERENCES public.users(id) ON DELETE SET NULL,
    CONSTRAINT playlist_tracks_playlist_id_fkey FOREIGN KEY (playlist_id) REFERENCES public.playlists(id) ON DELETE CASCADE,
    CONSTRAINT playlist_tracks_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE,
    CONSTRAINT idx_playlist_tracks_playlist_id_position UNIQUE (playlist_id, position) DEFERRABLE INITIALLY DEFERRED  -- Deferred, so that one transaction can reorder.
);
-- What a person added: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_playlist_tracks_added_by_id ON public.playlist_tracks USING btree (added_by_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_playlist_tracks_playlist_id_track_id ON public.playlist_tracks USING btree (playlist_id, track_id);
-- The playlists that have a track.
CREATE INDEX IF NOT EXISTS idx_playlist_tracks_track_id ON public.playlist_tracks USING btree (track_id);

-- An uploaded file of a track; the current one is played.
CREATE TABLE IF NOT EXISTS public.track_versions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL,
    created_by_id uuid,
    version_number integer NOT NULL,
    label character varying(100) NOT NULL DEFAULT ''::character varying,
    change_notes text NOT NULL DEFAULT ''::text,
    file_path text NOT NULL,  -- Key in the object storage.
    file_size bigint NOT NULL,  -- Bytes.
    mime_type character varying(100) NOT NULL,
    checksum_sha256 character varying(64),
    duration_seconds integer,
    is_current boolean NOT NULL DEFAULT false,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT track_versions_pkey PRIMARY KEY (id),
    CONSTRAINT chk_track_versions_duration_seconds CHECK ((duration_seconds > 0)),
    CONSTRAINT chk_track_versions_file_size CHECK ((file_size >= 0)),
    CONSTRAINT chk_track_versions_version_number CHECK ((version_number > 0)),
    CONSTRAINT track_versions_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES public.users(id) ON DELETE SET NULL,
    CONSTRAINT track_versions_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE
);
-- What a person uploaded: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_track_versions_created_by_id ON public.track_versions USING btree (created_by_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_track_versions_track_id_current ON public.track_versions USING btree (track_id) WHERE is_current;
CREATE UNIQUE INDEX IF NOT EXISTS idx_track_versions_track_id_version_number ON public.track_versions USING btree (track_id, version_number);
