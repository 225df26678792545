-- 020 · rbac and profiles
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.

-- Something that a role may allow.
CREATE TABLE IF NOT EXISTS public.permissions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    resource character varying(50) NOT NULL,  -- tracks, playlists, users… or * for all.
    action character varying(50) NOT NULL,  -- read, create, update, delete, moderate… or * for all.
    description text NOT NULL DEFAULT ''::text,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT permissions_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_permissions_resource_action ON public.permissions USING btree (resource, action);

-- A named set of permissions.
CREATE TABLE IF NOT EXISTS public.roles (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name character varying(50) NOT NULL,  -- Machine name: moderator, support…
    display_name character varying(100) NOT NULL,
    description text NOT NULL DEFAULT ''::text,
    is_system boolean NOT NULL DEFAULT false,  -- Shipped with the platform: never deleted or renamed.
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamp with time zone,
    CONSTRAINT roles_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_roles_name ON public.roles USING btree (name) WHERE (deleted_at IS NULL);

-- What a user shows of themselves.
CREATE TABLE IF NOT EXISTS public.user_profiles (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    display_name character varying(100) NOT NULL DEFAULT ''::character varying,
    first_name character varying(100) NOT NULL DEFAULT ''::character varying,
    last_name character varying(100) NOT NULL DEFAULT ''::character varying,
    bio text NOT NULL DEFAULT ''::text,
    avatar_url text,
    banner_url text,
    location character varying(100) NOT NULL DEFAULT ''::character varying,
    website_url text,
    social_links jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_profiles_pkey PRIMARY KEY (id),
    CONSTRAINT chk_user_profiles_bio_length CHECK ((length(bio) <= 500)),
    CONSTRAINT user_profiles_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_user_profiles_user_id ON public.user_profiles USING btree (user_id);

-- A user's preferences.
CREATE TABLE IF NOT EXISTS public.user_settings (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    language character varying(10) NOT NULL DEFAULT 'en'::character varying,  -- BCP 47.
    timezone character varying(64) NOT NULL DEFAULT 'UTC'::character varying,  -- IANA name.
    theme character varying(20) NOT NULL DEFAULT 'system'::character varying,
    audio_quality character varying(20) NOT NULL DEFAULT 'auto'::character varying,
    email_notifications boolean NOT NULL DEFAULT true,
    push_notifications boolean NOT NULL DEFAULT true,
    profile_is_public boolean NOT NULL DEFAULT true,
    preferences jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_settings_pkey PRIMARY KEY (id),
    CONSTRAINT user_settings_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_user_settings_user_id ON public.user_settings USING btree (user_id);

-- A permission that a role allows.
CREATE TABLE IF NOT EXISTS public.role_permissions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    role_id uuid NOT NULL,
    permission_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT role_permissions_pkey PRIMARY KEY (id),
    CONSTRAINT role_permissions_permission_id_fkey FOREIGN KEY (permission_id) REFERENCES public.permissions(id) ON DELETE CASCADE,
    CONSTRAINT role_permissions_role_id_fkey FOREIGN KEY (role_id) REFERENCES public.roles(id) ON DELETE CASCADE
);
-- The roles that allow something.
CREATE INDEX IF NOT EXISTS idx_role_permissions_permission_id ON public.role_permissions USING btree (permission_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_role_permissions_role_id_permission_id ON public.role_permissions USING btree (role_id, permission_id);

-- A role granted to a user, permanently or until a time.
CREATE TABLE IF NOT EXISTS public.user_roles (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    role_id uuid NOT NULL,
    granted_by_id uuid,
    expires_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_roles_pkey PRIMARY KEY (id),
    CONSTRAINT user_roles_granted_by_id_fkey FOREIGN KEY (granted_by_id) REFERENCES public.users(id) ON DELETE SET NULL,
    CONSTRAINT user_roles_role_id_fkey FOREIGN KEY (role_id) REFERENCES public.roles(id) ON DELETE CASCADE,
    CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
-- What a person granted: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_user_roles_granted_by_id ON public.user_roles USING btree (granted_by_id);
-- Who has a role.
CREATE INDEX IF NOT EXISTS idx_user_roles_role_id ON public.user_roles USING btree (role_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_user_roles_user_id_role_id ON public.user_roles USING btree (user_id, role_id);
