-- 041 · streaming analytics
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.

-- A comment on a track, or a reply to one.
CREATE TABLE IF NOT EXISTS public.track_comments (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL,
    user_id uuid NOT NULL,
    parent_id uuid,  -- The comment to which this one replies.
    content text NOT NULL,
    timestamp_seconds integer,  -- Position in the track to which the comment is pinned.
    edited_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamp with time zone,
    CONSTRAINT track_comments_pkey PRIMARY KEY (id),
    CONSTRAINT chk_track_comments_content_length CHECK (((length(content) >= 1) AND (length(content) <= 2000))),
    CONSTRAINT chk_track_comments_timestamp_seconds CHECK ((timestamp_seconds >= 0)),
    CONSTRAINT track_comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.track_comments(id) ON DELETE CASCADE,
    CONSTRAINT track_comments_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE,
    CONSTRAINT track_comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
-- The replies to a comment.
CREATE INDEX IF NOT EXISTS idx_track_comments_parent_id ON public.track_comments USING btree (parent_id);
-- A track's comments, the last first.
CREATE INDEX IF NOT EXISTS idx_track_comments_track_id_created_at ON public.track_comments USING btree (track_id, created_at DESC);
-- A person's comments, the last first.
CREATE INDEX IF NOT EXISTS idx_track_comments_user_id_created_at ON public.track_comments USING btree (user_id, created_at DESC);

-- Who changed what on a track.
CREATE TABLE IF NOT EXISTS public.track_history (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL,
    user_id uuid,
    action public.track_history_action NOT NULL,
    old_values jsonb NOT NULL DEFAULT '{}'::jsonb,
    new_values jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT track_history_pkey PRIMARY KEY (id),
    CONSTRAINT track_history_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE,
    CONSTRAINT track_history_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL
);
-- A track's history, the last change first.
CREATE INDEX IF NOT EXISTS idx_track_history_track_id_created_at ON public.track_history USING btree (track_id, created_at DESC);
-- What a person changed: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_track_history_user_id ON public.track_history USING btree (user_id);

-- Somebody likes a track.
CREATE TABLE IF NOT EXISTS public.track_likes (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT track_likes_pkey PRIMARY KEY (id),
    CONSTRAINT track_likes_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE,
    CONSTRAINT track_likes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
-- Who likes a track, the last first.
CREATE INDEX IF NOT EXISTS idx_track_likes_track_id_created_at ON public.track_likes USING btree (track_id, created_at DESC);
CREATE UNIQUE INDEX IF NOT EXISTS idx_track_likes_user_id_track_id ON public.track_likes USING btree (user_id, track_id);

-- One play of a track. The largest table.
CREATE TABLE IF NOT EXISTS public.track_plays (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL,
    user_id uuid,  -- Empty: an anonymous listener.
    duration_played_seconds integer NOT NULL DEFAULT 0,
    completion_percentage smallint NOT NULL DEFAULT 0,
    source character varying(50) NOT NULL DEFAULT ''::character varying,  -- playlist, search, profile, radio…
    device_type character varying(50) NOT NULL DEFAULT ''::character varying,
    country_code character varying(2),  -- ISO 3166-1 alpha-2.
    ip_address inet,
    recorded_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,  -- When it came here. A play that was uploaded late was created_at long before.
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT track_plays_pkey PRIMARY KEY (id),
    CONSTRAINT chk_track_plays_completion_percentage CHECK (((completion_percentage >= 0) AND (completion_percentage <= 100))),
    CONSTRAINT chk_track_plays_duration_played_seconds CHECK ((duration_played_seconds >= 0)),
    CONSTRAINT track_plays_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE,
    CONSTRAINT track_plays_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL
);
-- The last plays of all.
CREATE INDEX IF NOT EXISTS idx_track_plays_created_at ON public.track_plays USING btree (created_at DESC);
-- The plays that have come lately, for count_plays.
CREATE INDEX IF NOT EXISTS idx_track_plays_recorded_at ON public.track_plays USING brin (recorded_at) WITH (autosummarize=on);
-- A track's plays, the last first.
CREATE INDEX IF NOT EXISTS idx_track_plays_track_id_created_at ON public.track_plays USING btree (track_id, created_at DESC);
-- What a person listened to; ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_track_plays_user_id_created_at ON public.track_plays USING btree (user_id, created_at DESC);

-- Somebody shared a track elsewhere.
CREATE TABLE IF NOT EXISTS public.track_shares (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL,
    user_id uuid,
    platform character varying(50) NOT NULL,  -- link, embed, x, whatsapp…
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT track_shares_pkey PRIMARY KEY (id),
    CONSTRAINT track_shares_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE,
    CONSTRAINT track_shares_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL
);
-- A track's shares, the last first.
CREATE INDEX IF NOT EXISTS idx_track_shares_track_id_created_at ON public.track_shares USING btree (track_id, created_at DESC);
-- What a person shared: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_track_shares_user_id ON public.track_shares USING btree (user_id);
