-- 990 · contract
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.

-- The contract, for every service to read (docs/contract.md). It is written only into a database
-- that keeps it: each object here is compared with V1's.
DO $contract$
DECLARE
    settings constant text[] := ARRAY['search_path', 'array_nulls', 'backslash_quote', 'bytea_output', 'datestyle', 'extra_float_digits', 'intervalstyle', 'lc_monetary', 'lc_numeric', 'lc_time', 'quote_all_identifiers', 'standard_conforming_strings', 'timezone', 'timezone_abbreviations', 'transform_null_equals', 'xmlbinary', 'xmloption'];
    before constant text[] := ARRAY(SELECT current_setting(name) FROM unnest(settings) AS name);
    differing text;
BEGIN
    -- Whatever this session has set: they change how PostgreSQL reads and writes text.
    PERFORM set_config(name, value, true)
    FROM unnest(settings, ARRAY['', 'on', 'safe_encoding', 'hex', 'ISO,MDY', '1', 'postgres', 'C', 'C', 'C', 'off', 'on', 'UTC', 'Default', 'off', 'base64', 'content']) AS setting (name, value);

    WITH v1 (object, digest) AS (
        VALUES
            ('enum hls_stream_status', 'ed934a988dd5fb45d5f5d357a9579dae5ed77349304c071eeb295d57805900b0'),
            ('enum playlist_permission', '7d2e0df1957ac5cd258a1fee0ba82db20fe2a07b885963550517741386853218'),
            ('enum room_type', '5bb1b71f623278abd3e207bd76ec1eb0e98c4d417308194892c235b399b5d636'),
            ('enum track_history_action', '65073e5b47b890967d2a96f3c7d7901d99302a0a86bbc15ad8f0bfb227895702'),
            ('enum track_status', '09ca167a92e10af5612466ea308aa45a898e113c174fd4cde50ef04a45917ffa'),
            ('enum transcode_status', '52cba686128b3cce258f3327a0ef08eaaa4c31163a4fe0371a6b4e56b6592713'),
            ('enum user_role', '425e2e7d309a81df2649c674633836c93e7a8f1e4a57d731dc98f11b416009eb'),
            ('enum user_status', '9fbf514412cf0b13284e754e963fc60aa1ca5ba38ef2606ebadf3acadd4d7183'),
            ('function public.refuse_to_take_back()', 'ab02587b03ad3255b1de1b4c0bb581e2021ac36943a23223feb42d96d92ba4ea'),
            ('function public.update_updated_at_column()', '7e561a82c515cf3422cc469c5bd167906f4801bbd0543ed6fb7379ecf0e75de1'),
            ('table bitrate_adaptation_logs', 'e9ccf51b80f647b48942c59ae3fead85a12817fbad431b32b9c1f34bbefb2177'),
            ('table email_verification_tokens', '4fda208e272bf7a6c4ffa946cd9ffbacb7a9ff4c8df3e3ae9b1421c635f52853'),
            ('table federated_identities', '02c46de2b6045f8a7237c83d52532c8a7ef0e93b8d345e5c637770a91398ff17'),
            ('table hls_streams', '78be6c76f39f2601cef4064a26018d351a742e2449ca16402ab2342c225c9602'),
            ('table hls_transcode_queue', '77e1e366d8b0096e51ca28b4bb561a8db5cd995f4d4bccdd701065f88ed0bf7b'),
            ('table password_reset_tokens', '6dbdc0f50de722c8cf53212f97f2a746cd97d01de7b4d9c4061c46c5c5e07be2'),
            ('table permissions', '20c6d7b5a05a0067005eea0c70936ee7b7f4019b4e383d33e009f68314089ff6'),
            ('table playlist_collaborators', '878c4f3a486479b2ee8f3d673de2e1f7123364bce2e93d545877ecb0e33c5b44'),
            ('table playlist_follows', '638e1fe2ab312b30b4c110f0b15e99fab20686d85d8a042d80e41f88a92b60dc'),
            ('table playlist_tracks', 'b9827fdbd9439be748a588940600ba7cef16884c5caf98f9f70e1b65cfcebb2a'),
            ('table playlists', '59a776c4a22f69bc082354cf5ef119d7a053bad95c63cbad9fcf641ddc31d79c'),
            ('table refresh_tokens', '80224224ab4b42d43729baa4b135f019e2ddc7900193bd28f05779d9530fd3c7'),
            ('table role_permissions', 'e3847154d80fc0d6d0d670de86a6462d08217a1a7416d88c8933e48052e9ad83'),
            ('table roles', '50132df4ada558e73acbda928bce697713c9f1f8abfcebbe6759fac05eca88fe'),
            ('table rooms', 'd4790bbe30ed8eadfabdfc3dae028d55055fdd46a4fa3c90fb5eb48f2989719a'),
            ('table track_comments', '34c98c7af62b78b35d3ef0617087eb9b0720fbaa1a7a33ec7eb6752713b7c528'),
            ('table track_history', 'f11802a4f85261860b03a5d4d52b1d841f33f2d7980dce1e63ea02c8a85a7301'),
            ('table track_likes', '94f1ecb2d92c31e65ce7ec941756ee76a0fbef21d9095905303f2ed1741a3ed6'),
            ('table track_plays', '4c65f062947b482296a7e91a8ee02e1221b190eba8142d1eda53756005c7cfc8'),
            ('table track_shares', '4c8b992938f3a06fec141785f9e168348b89a22036658712cd697112bddf39e7'),
            ('table track_versions', '8bfbe32e0adf5df172a22ca2c41b9a9d34bd3b96559238a1acb2fc777740783f'),
            ('table tracks', '409ed37fabaa682bc2eb7067a4d2cf79fae1c2177157fc9843654b0892567bfe'),
            ('table user_profiles', '47dff6058ad7deaa3e9be4babeb30cb952fa9379fba05eddab3000b1f86de31d'),
            ('table user_roles', '1ddd5fd366f470953979cafb80842450957d12cd4a0bf3df44b75278aa444668'),
            ('table user_sessions', '1bdb2381d746aa05c44e56b382cfec701d9b69370c3546e3e6fdd85d4fa33aaa'),
            ('table user_settings', 'ba234f7c5e81d6bf84626789764562a24ab3d3bc7b275657824a2526414bdac2'),
            ('table users', '6a4960c935051b493c1c34fb0a53af0967e5360588b4e3f9b396d2c28ba00d76')
    ),
    here (object, digest) AS (
        SELECT object, encode(sha256(convert_to(string_agg(fact, chr(10) ORDER BY fact), 'UTF8')), 'hex')
        FROM (
        SELECT 'table ' || name, jsonb_build_array(0, name)::text COLLATE "C"
        FROM (
        SELECT
            name,
            array_remove(
                ARRAY[
                    CASE relpersistence WHEN 'u' THEN 'UNLOGGED' END,
                    'PARTITION BY ' || pg_get_partkeydef(tables.oid),
                    (
                        SELECT 'INHERITS ' || string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
                        FROM pg_inherits WHERE inhrelid = tables.oid
                    ),
                    CASE WHEN relrowsecurity THEN 'ROW LEVEL SECURITY' END,
                    CASE WHEN relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,
                    CASE relreplident
                        WHEN 'n' THEN 'REPLICA IDENTITY NOTHING'
                        WHEN 'f' THEN 'REPLICA IDENTITY FULL'
                        WHEN 'i' THEN 'REPLICA IDENTITY USING INDEX'
                    END,
                    (
                        SELECT 'CLUSTER ON ' || quote_ident(relname)
                        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
                        WHERE indrelid = tables.oid AND indisclustered
                    ),
                    (
                        SELECT 'DISABLE TRIGGER ALL'
                        FROM pg_trigger
                        WHERE tgrelid = tables.oid AND tgisinternal AND tgenabled <> 'O'
                        LIMIT 1
                    )
                ] || ARRAY(
                    SELECT option FROM (
                SELECT option FROM unnest(reloptions) AS option
                WHERE split_part(option, '=', 1) = ANY (ARRAY['autosummarize', 'buffering', 'deduplicate_items', 'fastupdate', 'fillfactor', 'gin_pending_list_limit', 'log_autovacuum_min_duration', 'pages_per_range', 'parallel_workers', 'toast_tuple_target', 'user_catalog_table', 'vacuum_index_cleanup', 'vacuum_max_eager_freeze_failure_rate', 'vacuum_truncate'])
                   OR option LIKE 'autovacuum\_%'
            ) AS options
                    UNION ALL
                    SELECT 'toast.' || option
                    FROM pg_class AS toast, LATERAL (
                SELECT option FROM unnest(toast.reloptions) AS option
                WHERE split_part(option, '=', 1) = ANY (ARRAY['autosummarize', 'buffering', 'deduplicate_items', 'fastupdate', 'fillfactor', 'gin_pending_list_limit', 'log_autovacuum_min_duration', 'pages_per_range', 'parallel_workers', 'toast_tuple_target', 'user_catalog_table', 'vacuum_index_cleanup', 'vacuum_max_eager_freeze_failure_rate', 'vacuum_truncate'])
                   OR option LIKE 'autovacuum\_%'
            ) AS options
                    WHERE toast.oid = tables.reltoastrelid
                    ORDER BY 1
                ),
                NULL
            )
        FROM (
            SELECT pg_class.*, relname::text AS name
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = 'public'
              AND relkind IN ('r', 'p')
              AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e')
            )
        ) AS tables
        ORDER BY name
        ) AS part (name)
        UNION ALL
        SELECT 'table ' || name, jsonb_build_array(1, name, item, type, nullable, value, identity, generated)::text COLLATE "C"
        FROM (
        SELECT
            tables.name,
            attname::text,
            format_type(atttypid, atttypmod) || COALESCE(
                (
                    SELECT ' COLLATE ' || attcollation::regcollation
                    WHERE attcollation <> typcollation
                ),
                ''
            ),
            NOT attnotnull OR EXISTS (
                SELECT FROM pg_constraint
                WHERE conrelid = attrelid AND contype = 'n' AND conkey[1] = attnum AND NOT convalidated
            ),
            pg_get_expr(adbin, adrelid),
            attidentity <> '',
            attgenerated <> '',
            array_remove(
                ARRAY[
                    CASE attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END,
                    CASE attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END,
                    'STATISTICS ' || NULLIF(attstattarget, -1),
                    CASE
                        WHEN attstorage <> typstorage THEN 'STORAGE ' || CASE attstorage
                            WHEN 'p' THEN 'PLAIN'
                            WHEN 'e' THEN 'EXTERNAL'
                            WHEN 'm' THEN 'MAIN'
                            WHEN 'x' THEN 'EXTENDED'
                        END
                    END,
                    CASE attcompression
                        WHEN 'p' THEN 'COMPRESSION pglz'
                        WHEN 'l' THEN 'COMPRESSION lz4'
                    END,
                    (
                        SELECT 'CONSTRAINT ' || quote_ident(conname) || ' NO INHERIT'
                        FROM pg_constraint
                        WHERE conrelid = attrelid AND contype = 'n' AND conkey[1] = attnum AND connoinherit
                    )
                ] || ARRAY(SELECT option FROM (
                SELECT option FROM unnest(attoptions) AS option
                WHERE split_part(option, '=', 1) = ANY (ARRAY['n_distinct', 'n_distinct_inherited'])
                   OR option LIKE 'autovacuum\_%'
            ) AS options ORDER BY 1),
                NULL
            )
        FROM (
            SELECT pg_class.*, relname::text AS name
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = 'public'
              AND relkind IN ('r', 'p')
              AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e')
            )
        ) AS tables
        JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
        JOIN pg_type ON pg_type.oid = atttypid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        ORDER BY tables.name, attname
        ) AS part (name, item, type, nullable, value, identity, generated)
        UNION ALL
        SELECT 'table ' || name, jsonb_build_array(2, name, item, kind, columns, definition, refers, deletes, is_deferrable, is_valid)::text COLLATE "C"
        FROM (
        SELECT
            tables.name,
            conname::text,
            CASE contype
                WHEN 'p' THEN 'primary key'
                WHEN 'f' THEN 'foreign key'
                WHEN 'c' THEN 'check'
                WHEN 'x' THEN 'exclusion'
            END,
            ARRAY(
                SELECT attname::text
                FROM unnest(conkey) WITH ORDINALITY AS key (attnum, place)
                JOIN pg_attribute USING (attnum)
                WHERE attrelid = conrelid
                ORDER BY place
            ),
            replace(pg_get_constraintdef(pg_constraint.oid), COALESCE(
                (
                    SELECT ' WITH (' || string_agg(
                        quote_ident(item[1]) || '='
                        || CASE quote_ident(item[2])
                            WHEN item[2] THEN item[2]
                            ELSE quote_literal(item[2])
                        END,
                        ', ' ORDER BY place
                    ) || ')'
                    FROM unnest(index_relation.reloptions) WITH ORDINALITY AS option (text, place),
                         regexp_match(text, '^(.*?)=(.*)$') AS item
                ),
                ''
            ), ''),
            NULLIF(confrelid, 0)::regclass::text,
            CASE confdeltype
                WHEN 'a' THEN 'NO ACTION'
                WHEN 'r' THEN 'RESTRICT'
                WHEN 'c' THEN 'CASCADE'
                WHEN 'n' THEN 'SET NULL'
                WHEN 'd' THEN 'SET DEFAULT'
            END,
            condeferrable,
            convalidated
        FROM (
            SELECT pg_class.*, relname::text AS name
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = 'public'
              AND relkind IN ('r', 'p')
              AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e')
            )
        ) AS tables
        JOIN pg_constraint ON conrelid = tables.oid AND contype IN ('p', 'f', 'c', 'x')
        LEFT JOIN pg_class AS index_relation ON index_relation.oid = conindid AND contype IN ('p', 'x')
        ORDER BY tables.name, conname
        ) AS part (name, item, kind, columns, definition, refers, deletes, is_deferrable, is_valid)
        UNION ALL
        SELECT 'table ' || name, jsonb_build_array(3, name, item, method, columns, descending, predicate, is_unique, is_primary, is_deferrable, is_deferred, is_valid, definition)::text COLLATE "C"
        FROM (
        SELECT
            tables.name,
            index_relation.relname::text,
            amname::text,
            ARRAY(
                SELECT COALESCE(attname::text, pg_get_indexdef(indexrelid, place, true))
                FROM generate_series(1, indnkeyatts) AS place
                LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = NULLIF(indkey[place - 1], 0)
                ORDER BY place
            ),
            ARRAY(
                SELECT COALESCE(attname::text, pg_get_indexdef(indexrelid, place, true))
                FROM generate_series(1, indnkeyatts) AS place
                LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = NULLIF(indkey[place - 1], 0)
                WHERE indoption[place - 1] & 1 = 1
                ORDER BY place
            ),
            pg_get_expr(indpred, indrelid),
            indisunique,
            indisprimary,
            NOT indimmediate,
            EXISTS (
                SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype = 'u' AND condeferred
            ),
            indisvalid AND indisready,
            replace(pg_get_indexdef(indexrelid), COALESCE(
                (
                    SELECT ' WITH (' || string_agg(
                        quote_ident(item[1]) || '='
                        || CASE quote_ident(item[2])
                            WHEN item[2] THEN item[2]
                            ELSE quote_literal(item[2])
                        END,
                        ', ' ORDER BY place
                    ) || ')'
                    FROM unnest(index_relation.reloptions) WITH ORDINALITY AS option (text, place),
                         regexp_match(text, '^(.*?)=(.*)$') AS item
                ),
                ''
            ), ''),
            ARRAY(
                SELECT option FROM (
                SELECT option FROM unnest(index_relation.reloptions) AS option
                WHERE split_part(option, '=', 1) = ANY (ARRAY['autosummarize', 'buffering', 'deduplicate_items', 'fastupdate', 'fillfactor', 'gin_pending_list_limit', 'log_autovacuum_min_duration', 'pages_per_range', 'parallel_workers', 'toast_tuple_target', 'user_catalog_table', 'vacuum_index_cleanup', 'vacuum_max_eager_freeze_failure_rate', 'vacuum_truncate'])
                   OR option LIKE 'autovacuum\_%'
            ) AS options
                UNION ALL
                SELECT 'COLUMN ' || attnum || ' STATISTICS ' || attstattarget
                FROM pg_attribute
                WHERE attrelid = indexrelid AND attstattarget <> -1
                ORDER BY 1
            )
        FROM (
            SELECT pg_class.*, relname::text AS name
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = 'public'
              AND relkind IN ('r', 'p')
              AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e')
            )
        ) AS tables
        JOIN pg_index ON indrelid = tables.oid
        JOIN pg_class AS index_relation ON index_relation.oid = indexrelid
        JOIN pg_am ON pg_am.oid = index_relation.relam
        ORDER BY tables.name, index_relation.relname
        ) AS part (name, item, method, columns, descending, predicate, is_unique, is_primary, is_deferrable, is_deferred, is_valid, definition)
        UNION ALL
        SELECT 'table ' || name, jsonb_build_array(4, name, item, definition, state)::text COLLATE "C"
        FROM (
        SELECT
            tables.name,
            tgname::text,
            pg_get_triggerdef(pg_trigger.oid),
            CASE tgenabled
                WHEN 'O' THEN 'ENABLE'
                WHEN 'D' THEN 'DISABLE'
                WHEN 'R' THEN 'ENABLE REPLICA'
                WHEN 'A' THEN 'ENABLE ALWAYS'
            END
        FROM (
            SELECT pg_class.*, relname::text AS name
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = 'public'
              AND relkind IN ('r', 'p')
              AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e')
            )
        ) AS tables
        JOIN pg_trigger ON tgrelid = tables.oid AND NOT tgisinternal
        ORDER BY tables.name, tgname
        ) AS part (name, item, definition, state)
        UNION ALL
        SELECT 'enum ' || name, jsonb_build_array(0, name, labels)::text COLLATE "C"
        FROM (
        SELECT
            typname::text,
            ARRAY(
                SELECT enumlabel::text FROM pg_enum WHERE enumtypid = pg_type.oid ORDER BY enumsortorder
            )
        FROM pg_type
        JOIN pg_namespace ON pg_namespace.oid = typnamespace
        WHERE nspname = 'public' AND typtype = 'e' AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_type'::regclass AND objid = pg_type.oid AND deptype IN ('e')
            )
        ORDER BY typname
        ) AS part (name, labels)
        UNION ALL
        SELECT 'function ' || name, jsonb_build_array(0, name, definition)::text COLLATE "C"
        FROM (
        SELECT pg_proc.oid::regprocedure::text, pg_get_functiondef(pg_proc.oid)
        FROM pg_proc
        JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = 'public'
          AND prokind IN ('f', 'p', 'w')
          AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype IN ('e', 'i')
            )
        ORDER BY 1
        ) AS part (name, definition)
        UNION ALL
        SELECT 'other object ' || name, jsonb_build_array(0, name, kind, definition)::text COLLATE "C"
        FROM (
        SELECT
            pg_class.oid::regclass::text,
            CASE relkind
                WHEN 'S' THEN 'sequence'
                WHEN 'v' THEN 'view'
                WHEN 'm' THEN 'materialized view'
                WHEN 'f' THEN 'foreign table'
            END,
            CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(pg_class.oid) ELSE '' END
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = 'public'
          AND relkind IN ('S', 'v', 'm', 'f')
          AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e', 'i')
            )
        UNION ALL
        SELECT
            pg_type.oid::regtype::text,
            CASE typtype WHEN 'd' THEN 'domain' ELSE 'type' END,
            CASE typtype
                WHEN 'd' THEN format_type(typbasetype, typtypmod)
                WHEN 'r' THEN 'range'
                ELSE 'composite'
            END
        FROM pg_type
        LEFT JOIN pg_class ON pg_class.oid = typrelid
        JOIN pg_namespace ON pg_namespace.oid = typnamespace
        WHERE nspname = 'public'
          AND (typtype IN ('d', 'r') OR relkind = 'c')
          AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_type'::regclass AND objid = pg_type.oid AND deptype IN ('e')
            )
        UNION ALL
        SELECT pg_proc.oid::regprocedure::text, 'aggregate', ''
        FROM pg_proc
        JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = 'public' AND prokind = 'a' AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype IN ('e')
            )
        UNION ALL
        SELECT
            quote_ident(rulename) || ' ON ' || tables.oid::regclass,
            'rule',
            pg_get_ruledef(pg_rewrite.oid)
        FROM (
            SELECT pg_class.*, relname::text AS name
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = 'public'
              AND relkind IN ('r', 'p')
              AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e')
            )
        ) AS tables
        JOIN pg_rewrite ON ev_class = tables.oid
        UNION ALL
        SELECT
            quote_ident(polname) || ' ON ' || tables.oid::regclass,
            'policy',
            concat_ws(' ', polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
        FROM (
            SELECT pg_class.*, relname::text AS name
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = 'public'
              AND relkind IN ('r', 'p')
              AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e')
            )
        ) AS tables
        JOIN pg_policy ON polrelid = tables.oid
        UNION ALL
        SELECT
            format('%I.%I', 'public'::text, stxname),
            'statistics',
            pg_get_statisticsobjdef(pg_statistic_ext.oid)
        FROM (
            SELECT pg_class.*, relname::text AS name
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = 'public'
              AND relkind IN ('r', 'p')
              AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e')
            )
        ) AS tables
        JOIN pg_statistic_ext ON stxrelid = tables.oid
        UNION ALL
        SELECT type || ' ' || replace(identity, 'pg_catalog.', ''), type, ''
        FROM (
            SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
            UNION ALL
            SELECT 'pg_conversion'::regclass, oid, connamespace FROM pg_conversion
            UNION ALL
            SELECT 'pg_opclass'::regclass, oid, opcnamespace FROM pg_opclass
            UNION ALL
            SELECT 'pg_operator'::regclass, oid, oprnamespace FROM pg_operator
            UNION ALL
            SELECT 'pg_opfamily'::regclass, oid, opfnamespace FROM pg_opfamily
            UNION ALL
            SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
            UNION ALL
            SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict
            UNION ALL
            SELECT 'pg_ts_parser'::regclass, oid, prsnamespace FROM pg_ts_parser
            UNION ALL
            SELECT 'pg_ts_template'::regclass, oid, tmplnamespace FROM pg_ts_template
        ) AS objects (catalog, id, namespace)
        JOIN pg_namespace ON pg_namespace.oid = namespace,
        pg_identify_object(catalog, id, 0)
        WHERE nspname = 'public'
          AND NOT EXISTS (
              SELECT FROM pg_depend WHERE classid = catalog AND objid = id AND deptype = 'e'
          )
        ORDER BY 1
        ) AS part (name, kind, definition)
        ) AS facts (object, fact)
        GROUP BY object
        ORDER BY object COLLATE "C"
    )
    SELECT string_agg(COALESCE(v1.object, here.object), ', ' ORDER BY v1.object, here.object)
    INTO differing
    FROM v1 FULL JOIN here USING (object)
    WHERE v1.digest IS DISTINCT FROM here.digest;

    IF differing IS NOT NULL THEN
        RAISE EXCEPTION 'the schema public is not V1, and no contract was written: %', differing
            USING HINT = '`manage.py schema diff` says what differs, and how to mend it.';
    END IF;
    COMMENT ON SCHEMA public IS '{"version": 2, "fingerprint": "ac6d04532d236cfe61e5230ac646e5792e292aad78d352e527d5ef7587ec8749", "migration": "streaming.0940_tracks_fillfactor"}';
    PERFORM set_config(name, value, true)
    FROM unnest(settings, before) AS setting (name, value);
END
$contract$;
