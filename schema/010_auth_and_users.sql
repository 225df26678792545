-- 010 · auth and users
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.

-- Everyone with an account: listeners, creators, staff.
CREATE TABLE IF NOT EXISTS public.users (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    email character varying(255) NOT NULL,
    username character varying(30) NOT NULL,
    password_hash character varying(255) NOT NULL,  -- bcrypt; “!” for an account without a password (federated).
    role public.user_role NOT NULL DEFAULT 'user'::public.user_role,
    status public.user_status NOT NULL DEFAULT 'active'::public.user_status,
    is_verified boolean NOT NULL DEFAULT false,  -- Email address confirmed.
    two_factor_enabled boolean NOT NULL DEFAULT false,
    two_factor_secret character varying(255),  -- Encrypted TOTP secret.
    token_version integer NOT NULL DEFAULT 0,  -- Raising it revokes every JWT issued before.
    failed_login_attempts integer NOT NULL DEFAULT 0,
    locked_until timestamp with time zone,
    last_login_at timestamp with time zone,
    last_login_ip inet,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamp with time zone,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT chk_users_failed_login_attempts CHECK ((failed_login_attempts >= 0)),
    CONSTRAINT chk_users_token_version CHECK ((token_version >= 0)),
    CONSTRAINT chk_users_username_length CHECK ((length((username)::text) >= 3))
) WITH (fillfactor=90);
-- The newest accounts.
CREATE INDEX IF NOT EXISTS idx_users_created_at ON public.users USING btree (created_at DESC);
CREATE UNIQUE INDEX IF NOT EXISTS idx_users_email ON public.users USING btree (email) WHERE (deleted_at IS NULL);
-- Who signs in with an address in another case, and whether an address is taken.
CREATE INDEX IF NOT EXISTS idx_users_lower_email ON public.users USING btree (lower((email)::text)) WHERE (deleted_at IS NULL);
-- Whether a username is taken in another case.
CREATE INDEX IF NOT EXISTS idx_users_lower_username ON public.users USING btree (lower((username)::text)) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX IF NOT EXISTS idx_users_username ON public.users USING btree (username) WHERE (deleted_at IS NULL);

-- A token, sent by mail, that proves once that an address is the user's.
CREATE TABLE IF NOT EXISTS public.email_verification_tokens (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    email character varying(255) NOT NULL,  -- The address that is being verified.
    token_hash character varying(64) NOT NULL,  -- SHA-256, hex.
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT email_verification_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT email_verification_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
-- Purging what has expired.
CREATE INDEX IF NOT EXISTS idx_email_verification_tokens_expires_at ON public.email_verification_tokens USING btree (expires_at);
CREATE UNIQUE INDEX IF NOT EXISTS idx_email_verification_tokens_token_hash ON public.email_verification_tokens USING btree (token_hash);
-- A user's tokens.
CREATE INDEX IF NOT EXISTS idx_email_verification_tokens_user_id ON public.email_verification_tokens USING btree (user_id);

-- An account at another provider by which a user logs in.
CREATE TABLE IF NOT EXISTS public.federated_identities (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    provider character varying(50) NOT NULL,  -- google, github, discord…
    provider_user_id character varying(255) NOT NULL,  -- The provider's immutable subject.
    email character varying(255),
    display_name character varying(100),
    avatar_url text,
    last_login_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamp with time zone,
    CONSTRAINT federated_identities_pkey PRIMARY KEY (id),
    CONSTRAINT federated_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_federated_identities_provider_provider_user_id ON public.federated_identities USING btree (provider, provider_user_id) WHERE (deleted_at IS NULL);
-- A user's logins.
CREATE INDEX IF NOT EXISTS idx_federated_identities_user_id ON public.federated_identities USING btree (user_id);

-- A token, sent by mail, that lets its bearer set a new password once.
CREATE TABLE IF NOT EXISTS public.password_reset_tokens (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    token_hash character varying(64) NOT NULL,  -- SHA-256, hex.
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    ip_address inet,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT password_reset_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT password_reset_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
-- Purging what has expired.
CREATE INDEX IF NOT EXISTS idx_password_reset_tokens_expires_at ON public.password_reset_tokens USING btree (expires_at);
CREATE UNIQUE INDEX IF NOT EXISTS idx_password_reset_tokens_token_hash ON public.password_reset_tokens USING btree (token_hash);
-- A user's tokens.
CREATE INDEX IF NOT EXISTS idx_password_reset_tokens_user_id ON public.password_reset_tokens USING btree (user_id);

-- A token that buys new access tokens, and is replaced by another each time.
CREATE TABLE IF NOT EXISTS public.refresh_tokens (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    replaced_by_id uuid,  -- The next token of the rotation chain.
    token_hash character varying(64) NOT NULL,  -- SHA-256, hex.
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason character varying(100),
    ip_address inet,
    user_agent text,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT refresh_tokens_replaced_by_id_fkey FOREIGN KEY (replaced_by_id) REFERENCES public.refresh_tokens(id) ON DELETE SET NULL,
    CONSTRAINT refresh_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
);
-- Purging what has expired.
CREATE INDEX IF NOT EXISTS idx_refresh_tokens_expires_at ON public.refresh_tokens USING btree (expires_at);
-- The token that another replaced: ON DELETE SET NULL, walking a chain back.
CREATE INDEX IF NOT EXISTS idx_refresh_tokens_replaced_by_id ON public.refresh_tokens USING btree (replaced_by_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_refresh_tokens_token_hash ON public.refresh_tokens USING btree (token_hash);
-- A user's tokens.
CREATE INDEX IF NOT EXISTS idx_refresh_tokens_user_id ON public.refresh_tokens USING btree (user_id);

-- A device on which a user is signed in to the platform. Not a session of the admin.
CREATE TABLE IF NOT EXISTS public.user_sessions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    refresh_token_id uuid,
    session_token_hash character varying(64) NOT NULL,  -- SHA-256, hex.
    ip_address inet,
    user_agent text,
    device_name character varying(100),
    device_info jsonb NOT NULL DEFAULT '{}'::jsonb,
    last_activity_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason character varying(100),
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT user_sessions_refresh_token_id_fkey FOREIGN KEY (refresh_token_id) REFERENCES public.refresh_tokens(id) ON DELETE SET NULL,
    CONSTRAINT user_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE
) WITH (fillfactor=90);
-- Purging what has expired.
CREATE INDEX IF NOT EXISTS idx_user_sessions_expires_at ON public.user_sessions USING btree (expires_at);
-- The session of a refresh token: ON DELETE SET NULL.
CREATE INDEX IF NOT EXISTS idx_user_sessions_refresh_token_id ON public.user_sessions USING btree (refresh_token_id);
CREATE UNIQUE INDEX IF NOT EXISTS idx_user_sessions_session_token_hash ON public.user_sessions USING btree (session_token_hash);
-- A user's devices, few enough to sort. Without last_activity_at: every request changes that, and then writes no index.
CREATE INDEX IF NOT EXISTS idx_user_sessions_user_id ON public.user_sessions USING btree (user_id);
