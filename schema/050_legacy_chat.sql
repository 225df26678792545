-- 050 · legacy chat
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.

-- A room of the old chat.
CREATE TABLE IF NOT EXISTS public.rooms (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    creator_id uuid,
    name character varying(100) NOT NULL,
    description text NOT NULL DEFAULT ''::text,
    room_type public.room_type NOT NULL DEFAULT 'group'::public.room_type,
    is_private boolean NOT NULL DEFAULT false,
    password_hash character varying(255),
    max_members integer NOT NULL DEFAULT 1000,
    is_archived boolean NOT NULL DEFAULT false,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamp with time zone,
    CONSTRAINT rooms_pkey PRIMARY KEY (id),
    CONSTRAINT chk_rooms_max_members CHECK ((max_members > 0)),
    CONSTRAINT rooms_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.users(id) ON DELETE SET NULL
);
-- The newest rooms.
CREATE INDEX IF NOT EXISTS idx_rooms_created_at ON public.rooms USING btree (created_at DESC);
-- A person's rooms: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_rooms_creator_id ON public.rooms USING btree (creator_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_rooms_name ON public.rooms USING btree (name) WHERE (deleted_at IS NULL);
