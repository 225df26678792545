-- 042 · media processing
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.

-- A track as HTTP Live Streaming plays it: a playlist and its segments, in one codec.
CREATE TABLE IF NOT EXISTS public.hls_streams (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL,
    codec character varying(20) NOT NULL DEFAULT 'aac'::character varying,
    status public.hls_stream_status NOT NULL DEFAULT 'pending'::public.hls_stream_status,
    master_playlist_path text,  -- Empty until ready.
    bitrates_kbps integer[] NOT NULL DEFAULT '{}'::integer[],
    segment_count integer NOT NULL DEFAULT 0,
    segment_duration_seconds integer NOT NULL DEFAULT 6,
    total_size bigint NOT NULL DEFAULT 0,  -- Bytes.
    error_message text,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamp with time zone,
    CONSTRAINT hls_streams_pkey PRIMARY KEY (id),
    CONSTRAINT chk_hls_streams_ready_has_playlist CHECK (((NOT (status = 'ready'::public.hls_stream_status)) OR ((master_playlist_path IS NOT NULL) AND (segment_count > 0)))),
    CONSTRAINT chk_hls_streams_segment_count CHECK ((segment_count >= 0)),
    CONSTRAINT chk_hls_streams_segment_duration_seconds CHECK ((segment_duration_seconds > 0)),
    CONSTRAINT chk_hls_streams_total_size CHECK ((total_size >= 0)),
    CONSTRAINT hls_streams_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE
);
-- The newest streams.
CREATE INDEX IF NOT EXISTS idx_hls_streams_created_at ON public.hls_streams USING btree (created_at DESC);
-- A track's streams, the deleted ones too.
CREATE INDEX IF NOT EXISTS idx_hls_streams_track_id ON public.hls_streams USING btree (track_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_hls_streams_track_id_codec ON public.hls_streams USING btree (track_id, codec) WHERE (deleted_at IS NULL);

-- A player changed the bitrate of a stream.
CREATE TABLE IF NOT EXISTS public.bitrate_adaptation_logs (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    stream_id uuid NOT NULL,
    user_id uuid,
    from_bitrate_kbps integer NOT NULL,
    to_bitrate_kbps integer NOT NULL,
    bandwidth_kbps integer,  -- The client's estimate.
    buffer_ms integer,
    reason character varying(50) NOT NULL DEFAULT ''::character varying,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT bitrate_adaptation_logs_pkey PRIMARY KEY (id),
    CONSTRAINT bitrate_adaptation_logs_stream_id_fkey FOREIGN KEY (stream_id) REFERENCES public.hls_streams(id) ON DELETE CASCADE,
    CONSTRAINT bitrate_adaptation_logs_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL,
    CONSTRAINT chk_bitrate_adaptation_logs_bitrates CHECK (((from_bitrate_kbps >= 0) AND (to_bitrate_kbps >= 0)))
);
-- The last changes of all.
CREATE INDEX IF NOT EXISTS idx_bitrate_adaptation_logs_created_at ON public.bitrate_adaptation_logs USING btree (created_at DESC);
-- A stream's changes, the last first.
CREATE INDEX IF NOT EXISTS idx_bitrate_adaptation_logs_stream_id_created_at ON public.bitrate_adaptation_logs USING btree (stream_id, created_at DESC);
-- What a listener's player did: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_bitrate_adaptation_logs_user_id ON public.bitrate_adaptation_logs USING btree (user_id);

-- A job in the transcode queue.
CREATE TABLE IF NOT EXISTS public.hls_transcode_queue (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL,
    stream_id uuid,
    status public.transcode_status NOT NULL DEFAULT 'pending'::public.transcode_status,
    priority smallint NOT NULL DEFAULT 5,  -- 1 is first, 10 last.
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 3,
    available_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,  -- Not before: the back-off of a retry.
    locked_by character varying(255),  -- The worker that holds the lease.
    lease_expires_at timestamp with time zone,  -- Past it, another worker may claim the job.
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    error_message text,
    payload jsonb NOT NULL DEFAULT '{}'::jsonb,
    rerun_priority smallint,  -- Enqueued again while it ran, with this priority: one more run follows.
    rerun_payload jsonb,  -- The payload of that run; empty for the same again.
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT hls_transcode_queue_pkey PRIMARY KEY (id),
    CONSTRAINT chk_hls_transcode_queue_attempts CHECK (((attempts >= 0) AND (attempts <= max_attempts))),
    CONSTRAINT chk_hls_transcode_queue_lease CHECK ((((lease_expires_at IS NOT NULL) AND (locked_by IS NOT NULL) AND (status = 'processing'::public.transcode_status)) OR ((NOT (status = 'processing'::public.transcode_status)) AND (lease_expires_at IS NULL) AND (locked_by IS NULL)))),
    CONSTRAINT chk_hls_transcode_queue_priority CHECK (((priority >= 1) AND (priority <= 10))),
    CONSTRAINT chk_hls_transcode_queue_rerun_priority CHECK (((rerun_priority >= 1) AND (rerun_priority <= 10))),
    CONSTRAINT hls_transcode_queue_stream_id_fkey FOREIGN KEY (stream_id) REFERENCES public.hls_streams(id) ON DELETE SET NULL,
    CONSTRAINT hls_transcode_queue_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE
);
-- The newest jobs.
CREATE INDEX IF NOT EXISTS idx_hls_transcode_queue_created_at ON public.hls_transcode_queue USING btree (created_at DESC);
-- The next job to claim, and the jobs behind any other.
CREATE INDEX IF NOT EXISTS idx_hls_transcode_queue_priority_available_at_id ON public.hls_transcode_queue USING btree (priority, available_at, id) WHERE (status = 'pending'::public.transcode_status);
-- The leases that may have run out, of jobs with attempts left. Not by lease_expires_at: then every heartbeat would write all indexes.
CREATE INDEX IF NOT EXISTS idx_hls_transcode_queue_started_at ON public.hls_transcode_queue USING btree (started_at) WHERE ((attempts < max_attempts) AND (status = 'processing'::public.transcode_status));
-- The same of last attempts: nobody may claim these jobs.
CREATE INDEX IF NOT EXISTS idx_hls_transcode_queue_started_at_last ON public.hls_transcode_queue USING btree (started_at) WHERE ((attempts >= max_attempts) AND (status = 'processing'::public.transcode_status));
-- A stream's jobs: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_hls_transcode_queue_stream_id ON public.hls_transcode_queue USING btree (stream_id);
-- A track's jobs, the finished ones too.
CREATE INDEX IF NOT EXISTS idx_hls_transcode_queue_track_id ON public.hls_transcode_queue USING btree (track_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_hls_transcode_queue_track_id_open ON public.hls_transcode_queue USING btree (track_id) WHERE (status = ANY (ARRAY['pending'::public.transcode_status, 'processing'::public.transcode_status]));
