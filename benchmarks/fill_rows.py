"""
The rows of a platform with many plays.

There are also rows that a page could stumble over: a user and a track with very many rows of their
own, thousands of rows with the same `created_at`, soft-deleted rows, a long queue.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from hashlib import md5
from random import Random

PLAYS = 10_000_000
TIED_PLAYS = 20_000  # with the same created_at
HEAVY_USERS_PLAYS = 100_000  # of the user `heavy`, who also has that many refresh tokens
DAYS = 365  # over which the rows are spread

# What fills the other tables, referenced tables first; {people} grows with the number of plays. The
# id of row n is computed from n, so that nothing has to look it up: md5('users' || n).
OTHERS = {
    "users": """
        INSERT INTO users (id, email, username, password_hash, role, status, is_verified,
            locked_until, created_at, deleted_at)
        SELECT md5('users' || n)::uuid, name || '@listeners.example', name, '!',
            CASE WHEN n BETWEEN 1 AND 20 THEN 'moderator' WHEN n % 7 = 0 THEN 'premium'
                ELSE 'user' END::user_role,
            CASE WHEN n % 100 = 30 THEN 'suspended' WHEN n % 100 = 31 THEN 'banned'
                WHEN n % 100 = 32 THEN 'inactive' ELSE 'active' END::user_status,
            n % 9 > 0,
            CASE WHEN n % 5000 = 4999 THEN now() + interval '10 minutes' END,
            {time}, CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} - 1) AS n,
            LATERAL (SELECT CASE n WHEN 0 THEN 'heavy' ELSE 'listener' || n END) AS named(name)
    """,
    "user_profiles": """
        INSERT INTO user_profiles (user_id, display_name, created_at)
        SELECT md5('users' || n)::uuid, 'Listener ' || n, {time}
        FROM generate_series(0, {people} - 1) AS n
    """,
    "refresh_tokens": """
        INSERT INTO refresh_tokens (id, user_id, replaced_by_id, token_hash, expires_at, created_at)
        SELECT md5('refresh_tokens' || n)::uuid,
            md5('users' || CASE WHEN n % 3 = 0 THEN 0 ELSE n * 2 / 3 END)::uuid,
            CASE WHEN n % 6 = 0 THEN md5('refresh_tokens' || n + 3)::uuid END,
            md5('a' || n) || md5('b' || n), now() + interval '20 days' - n * interval '10 seconds',
            {time}
        FROM generate_series(0, {people} * 3 / 2 - 1) AS n
    """,
    "user_sessions": """
        INSERT INTO user_sessions (user_id, refresh_token_id, session_token_hash, expires_at,
            last_activity_at, created_at)
        SELECT md5('users' || n * 2 / 3)::uuid, md5('refresh_tokens' || n)::uuid,
            md5('c' || n) || md5('d' || n), now() + interval '20 days' - n * interval '10 seconds',
            {time}, {time}
        FROM generate_series(0, {people} - 1) AS n
    """,
    "tracks": """
        INSERT INTO tracks (id, creator_id, title, slug, artist, genre, tags, duration_seconds,
            file_path, file_size, mime_type, status, is_public, published_at, play_count,
            created_at, deleted_at)
        SELECT md5('tracks' || n)::uuid, md5('users' || {user})::uuid, initcap(name), name,
            'Artist ' || n % 5000, (ARRAY['house', 'jazz', 'ambient', 'folk'])[1 + n % 4],
            ARRAY['tag' || n % 100], 60 + n % 400, name || '.flac', 4000000, 'audio/flac',
            CASE WHEN n % 100 = 30 THEN 'failed' WHEN n % 100 = 31 THEN 'processing'
                ELSE 'ready' END::track_status,
            n % 5 > 0, CASE WHEN n % 5 > 0 THEN {time} END, n % 1000, {time},
            CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} - 1) AS n,
            LATERAL (SELECT CASE n WHEN 0 THEN 'heavy' ELSE 'track-' || n END) AS named(name)
    """,
    "track_versions": """
        INSERT INTO track_versions (track_id, version_number, file_path, file_size, mime_type,
            is_current, created_at)
        SELECT md5('tracks' || n)::uuid, 1, n || '.flac', 4000000, 'audio/flac', true, {time}
        FROM generate_series(0, {people} - 1) AS n
    """,
    "hls_streams": """
        INSERT INTO hls_streams (id, track_id, status, master_playlist_path, segment_count,
            bitrates_kbps, created_at, deleted_at)
        SELECT md5('hls_streams' || n)::uuid, md5('tracks' || n)::uuid,
            CASE WHEN n % 30 = 7 THEN 'failed' ELSE 'ready' END::hls_stream_status,
            n || '/master.m3u8', 40, '{{96,160,320}}', {time}, CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} - 1) AS n
    """,
    # A fifth of the tracks have an open job.
    "hls_transcode_queue": """
        INSERT INTO hls_transcode_queue (track_id, stream_id, status, priority, attempts,
            locked_by, lease_expires_at, error_message, created_at)
        SELECT md5('tracks' || n % {people})::uuid,
            md5('hls_streams' || n % {people})::uuid,
            status::transcode_status, 1 + n % 10, n % 3,
            CASE status WHEN 'processing' THEN 'worker' || n % 50 END,
            CASE status WHEN 'processing' THEN now() + interval '5 minutes' END,
            CASE status WHEN 'failed' THEN 'ffmpeg ended with status 1' END, {time}
        FROM generate_series(0, {people} * 5 - 1) AS n,
            LATERAL (SELECT CASE
                WHEN n >= {people} * 249 / 50 THEN 'processing'
                WHEN n >= {people} * 24 / 5 THEN 'pending'
                WHEN n % 20 = 7 THEN 'failed'
                WHEN n % 50 = 8 THEN 'cancelled'
                ELSE 'completed' END
            ) AS made(status)
    """,
    "playlists": """
        INSERT INTO playlists (id, owner_id, title, slug, is_public, track_count, created_at,
            deleted_at)
        SELECT md5('playlists' || n)::uuid, md5('users' || {user})::uuid, 'Playlist ' || n,
            'playlist-' || n, n % 2 = 0, 10, {time}, CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} / 4 - 1) AS n
    """,
    "playlist_tracks": """
        INSERT INTO playlist_tracks (playlist_id, track_id, added_by_id, position, created_at)
        SELECT md5('playlists' || n / 10)::uuid, md5('tracks' || n % {people})::uuid,
            md5('users' || {user})::uuid, n % 10, {time}
        FROM generate_series(0, {people} / 4 * 10 - 1) AS n
    """,
    "track_likes": """
        INSERT INTO track_likes (track_id, user_id, created_at)
        SELECT md5('tracks' || (n / 5 + n % 5 * 7919) % {people})::uuid,
            md5('users' || n / 5)::uuid, {time}
        FROM generate_series(0, {people} * 5 - 1) AS n
    """,
    "track_comments": """
        INSERT INTO track_comments (id, track_id, user_id, parent_id, content, created_at,
            deleted_at)
        SELECT md5('track_comments' || n)::uuid,
            md5('tracks' || CASE WHEN n % 10 = 0 THEN 0 ELSE n / 2 END)::uuid,
            md5('users' || {user})::uuid,
            CASE WHEN n % 20 = 10 THEN md5('track_comments' || n - 10)::uuid END,
            'Comment number ' || n || ', and what there is to say.', {time},
            CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} * 3 / 2 - 1) AS n
    """,
}

PLAY_COLUMNS = (
    "id, track_id, user_id, duration_played_seconds, completion_percentage, source, device_type, "
    "country_code, ip_address, created_at"
)


def row_id(table: str, number: int = 0) -> str:
    """Return the id of row `number`; row 0 is `heavy`."""
    return md5(f"{table}{number}".encode()).hexdigest()


def for_plays(statement: str, plays: int) -> str:
    """Return a statement of OTHERS, for so many plays."""
    people = people_for(plays)
    return statement.format(
        people=people,
        user=f"trunc({people} * random())",
        time=f"now() - random() * interval '{DAYS} days'",
    )


def people_for(plays: int) -> int:
    """Return how many users go with so many plays; there are as many tracks."""
    return max(plays // 50, 100)


def play_lines(plays: int) -> Iterator[str]:
    """
    Yield plays in COPY's text format, oldest first, as services write them.

    Some tracks have far more plays than others, and a third of the plays are anonymous.
    """
    random = Random(7)
    people = people_for(plays)
    tracks = [row_id("tracks", number) for number in range(people)]
    users = [row_id("users", number) for number in range(people)]
    rest = [
        f"{random.randrange(300)}\t{random.randrange(101)}"
        f"\t{random.choice(['playlist', 'search', 'profile', 'radio'])}"
        f"\t{random.choice(['web', 'ios', 'android'])}"
        f"\t{random.choice(['DE', 'FR', 'GB', 'SN', 'US'])}\t192.0.2.{random.randrange(256)}"
        for _ in range(9973)
    ]
    clock = [f"{time(second // 3600, second // 60 % 60, second % 60)}" for second in range(86400)]
    tied = plays // 2
    every = plays // (HEAVY_USERS_PLAYS * plays // PLAYS or 1)
    seconds_each = DAYS * 86400 / plays
    start = datetime.now(UTC) - timedelta(days=DAYS)
    after_midnight = start.hour * 3600 + start.minute * 60 + start.second
    days = [f"{start + timedelta(days=day):%Y-%m-%d}" for day in range(DAYS + 1)]
    for number in range(plays):
        if tied <= number < tied + TIED_PLAYS * plays // PLAYS:
            moment = tied * seconds_each
        elif number // 500 % 10 == 0:  # written in one transaction
            moment = number // 500 * 500 * seconds_each
        else:
            moment = number * seconds_each
        day, second = divmod(int(moment + after_midnight), 86400)
        chance = random.random()
        track = tracks[int(people * chance**3)]
        if number % every == 0:
            user = users[0]
        elif number % 3 == 0:
            user = r"\N"
        else:
            user = users[int(people * random.random())]
        yield (
            f"{random.getrandbits(128):032x}\t{track}\t{user}\t{rest[number % 9973]}"
            f"\t{days[day]} {clock[second]}.{int(moment % 1 * 1000):03}+00\n"
        )
