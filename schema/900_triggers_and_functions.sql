-- 900 · triggers and functions
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.

CREATE OR REPLACE FUNCTION public.refuse_to_take_back()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION '% of % can''t be taken back', TG_ARGV[0], TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END;
$function$;

CREATE OR REPLACE FUNCTION public.update_updated_at_column()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.updated_at = CASE
        WHEN OLD.updated_at >= '294276-12-31 UTC' THEN OLD.updated_at  -- the end of time
        WHEN OLD.updated_at > CURRENT_TIMESTAMP THEN OLD.updated_at + interval '1 microsecond'
        ELSE CURRENT_TIMESTAMP
    END;
    RETURN NEW;
END;
$function$;

CREATE OR REPLACE TRIGGER keep_email_verification_tokens_used_at BEFORE UPDATE OF used_at ON public.email_verification_tokens FOR EACH ROW WHEN (((old.used_at IS NOT NULL) AND (new.used_at IS NULL))) EXECUTE FUNCTION public.refuse_to_take_back('used_at');
CREATE OR REPLACE TRIGGER update_email_verification_tokens_updated_at BEFORE UPDATE ON public.email_verification_tokens FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_federated_identities_updated_at BEFORE UPDATE ON public.federated_identities FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_hls_streams_updated_at BEFORE UPDATE ON public.hls_streams FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_hls_transcode_queue_updated_at BEFORE UPDATE ON public.hls_transcode_queue FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER keep_password_reset_tokens_used_at BEFORE UPDATE OF used_at ON public.password_reset_tokens FOR EACH ROW WHEN (((old.used_at IS NOT NULL) AND (new.used_at IS NULL))) EXECUTE FUNCTION public.refuse_to_take_back('used_at');
CREATE OR REPLACE TRIGGER update_password_reset_tokens_updated_at BEFORE UPDATE ON public.password_reset_tokens FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_permissions_updated_at BEFORE UPDATE ON public.permissions FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_playlist_collaborators_updated_at BEFORE UPDATE ON public.playlist_collaborators FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_playlist_tracks_updated_at BEFORE UPDATE ON public.playlist_tracks FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_playlists_updated_at BEFORE UPDATE ON public.playlists FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER keep_refresh_tokens_revoked_at BEFORE UPDATE OF revoked_at ON public.refresh_tokens FOR EACH ROW WHEN (((old.revoked_at IS NOT NULL) AND (new.revoked_at IS NULL))) EXECUTE FUNCTION public.refuse_to_take_back('revoked_at');
CREATE OR REPLACE TRIGGER update_refresh_tokens_updated_at BEFORE UPDATE ON public.refresh_tokens FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_role_permissions_updated_at BEFORE UPDATE ON public.role_permissions FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_roles_updated_at BEFORE UPDATE ON public.roles FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_rooms_updated_at BEFORE UPDATE ON public.rooms FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_track_comments_updated_at BEFORE UPDATE ON public.track_comments FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_track_versions_updated_at BEFORE UPDATE ON public.track_versions FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_tracks_updated_at BEFORE UPDATE ON public.tracks FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_user_profiles_updated_at BEFORE UPDATE ON public.user_profiles FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_user_roles_updated_at BEFORE UPDATE ON public.user_roles FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER keep_user_sessions_revoked_at BEFORE UPDATE OF revoked_at ON public.user_sessions FOR EACH ROW WHEN (((old.revoked_at IS NOT NULL) AND (new.revoked_at IS NULL))) EXECUTE FUNCTION public.refuse_to_take_back('revoked_at');
CREATE OR REPLACE TRIGGER update_user_sessions_updated_at BEFORE UPDATE ON public.user_sessions FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER update_user_settings_updated_at BEFORE UPDATE ON public.user_settings FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE OR REPLACE TRIGGER keep_users_token_version BEFORE UPDATE OF token_version ON public.users FOR EACH ROW WHEN ((new.token_version < old.token_version)) EXECUTE FUNCTION public.refuse_to_take_back('token_version');
CREATE OR REPLACE TRIGGER update_users_updated_at BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();