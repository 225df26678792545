from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from django.db import connection

from streaming import services
from streaming.models import PlaylistPermission, PlaylistTrack, TrackComment
from tests.support.examples.streaming import playlist, tracks_of, user
from tests.support.rows import Rows


@dataclass
class World:
    users: list
    tracks: list
    playlists: list


def prepare(rows: Rows) -> World:
    """Make three playlists of the same six tracks, each with an owner and three collaborators."""
    owner, *others = users = [user(rows) for _ in range(4)]
    playlists = [playlist(rows, 6, owner_id=owner, is_public=True)["playlist_id"] for _ in range(3)]
    for playlist_id in playlists:
        for other, permission in zip(others, PlaylistPermission, strict=True):
            rows.insert(
                "playlist_collaborators",
                playlist_id=playlist_id,
                user_id=other,
                permission=permission,
                accepted_at="2001-02-03T04:05:06Z",
            )
    return World(users, tracks_of(rows, playlists[0]), playlists)


def act(world: World, random: Random) -> None:
    """Call one service, by any user on any track and playlist."""
    random.choice([edit, edit, edit, share_the_work, follow, like, talk, listen, repair])(
        world, random
    )


def edit(world: World, random: Random) -> None:
    track = {"track_id": random.choice(world.tracks)}
    position = {"position": random.randrange(6)}
    call: dict[str, Any] = {
        "playlist_id": random.choice(world.playlists),
        "actor_id": random.choice(world.users),
    }
    service = random.choice(
        [
            services.add_track,
            services.insert_track,
            services.move_track,
            services.remove_track,
            services.reorder_tracks,
            services.duplicate_playlist,
            services.delete_playlist,
            services.restore_playlist,
            services.restore_playlist,
        ]
    )
    if service in (services.insert_track, services.move_track):
        call |= track | position
    elif service in (services.add_track, services.remove_track):
        call |= track
    elif service is services.reorder_tracks:
        listed = PlaylistTrack.objects.filter(playlist=call["playlist_id"])
        call["track_ids"] = list(listed.order_by("-position").values_list("track", flat=True))
    service(**call)


def share_the_work(world: World, random: Random) -> None:
    actor, other = random.sample(world.users, 2)
    playlist_id = random.choice(world.playlists)
    permission = random.choice(list(PlaylistPermission))
    random.choice(
        [
            lambda: services.invite_collaborator(
                playlist_id=playlist_id, user_id=other, permission=permission, actor_id=actor
            ),
            lambda: services.accept_invitation(playlist_id=playlist_id, user_id=other),
            lambda: services.remove_collaborator(
                playlist_id=playlist_id, user_id=other, actor_id=actor
            ),
        ]
    )()


def follow(world: World, random: Random) -> None:
    call = {
        "playlist_id": random.choice(world.playlists),
        "user_id": random.choice(world.users),
    }
    if random.random() < 0.5:
        services.toggle_follow(**call)
    else:
        services.set_follow(**call, following=random.random() < 0.5)


def like(world: World, random: Random) -> None:
    call = {"track_id": random.choice(world.tracks), "user_id": random.choice(world.users)}
    if random.random() < 0.5:
        services.toggle_like(**call)
    else:
        services.set_like(**call, liked=random.random() < 0.5)


def talk(world: World, random: Random) -> None:
    user_id = random.choice(world.users)
    comments = TrackComment.objects.alive().values_list("pk", flat=True)[:3]
    if not comments or random.random() < 0.5:
        services.comment_track(
            track_id=random.choice(world.tracks), user_id=user_id, content="On repeat."
        )
        return
    comment_id = random.choice(comments)
    random.choice(
        [
            lambda: services.reply_to_comment(
                comment_id=comment_id, user_id=user_id, content="Me too."
            ),
            lambda: services.edit_comment(
                comment_id=comment_id, actor_id=user_id, content="Still on repeat."
            ),
            lambda: services.delete_comment(comment_id=comment_id, actor_id=user_id),
            lambda: moderate(comment_id, user_id),
        ]
    )()


def moderate(comment_id: Any, user_id: Any) -> None:
    services.delete_comment(comment_id=comment_id, actor_id=user_id, as_staff=True)
    services.restore_comment(comment_id=comment_id, actor_id=user_id)


def listen(world: World, random: Random) -> None:
    call = {"track_id": random.choice(world.tracks), "user_id": random.choice(world.users)}
    services.record_play(**call)
    services.share_track(**call, platform="link")


def repair(_world: World, random: Random) -> None:
    random.choice(
        [
            lambda: services.count_plays(window=timedelta(minutes=10)),
            lambda: services.repair_tracks(limit=random.randrange(1, 9)),
            lambda: services.repair_playlists(limit=random.randrange(1, 9)),
        ]
    )()


def prepare_many(rows: Rows) -> World:
    """Make playlists of the same 150 tracks."""
    playlists = [playlist(rows, 150, is_public=True)["playlist_id"] for _ in range(8)]
    return World([user(rows)], tracks_of(rows, playlists[0]), playlists)


def sweep(world: World, random: Random) -> None:
    """Call one service that locks many tracks or playlists, or one that they meet."""
    random.choice(
        [
            lambda: services.repair_tracks(limit=150),
            lambda: services.repair_playlists(limit=8),
            play_all_and_count,
            lambda: services.duplicate_playlist(
                playlist_id=random.choice(world.playlists), actor_id=world.users[0]
            ),
            lambda: like(world, random),
            lambda: follow(world, random),
        ]
    )()


def play_all_and_count() -> None:
    """Put every track behind, so that the recount has to lock them all."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO track_plays (track_id) SELECT id FROM tracks")
    services.count_plays(window=timedelta(minutes=10))
