"""
Streaming's transactions.

What each locks, in which order, and the SQL it sends, is in docs/transactions.md. Ids are UUIDs.
"""

from streaming.services.collaborators import (
    accept_invitation,
    invite_collaborator,
    remove_collaborator,
)
from streaming.services.comments import (
    comment_track,
    delete_comment,
    edit_comment,
    reply_to_comment,
    restore_comment,
)
from streaming.services.counters import Batch, Off, repair_playlists, repair_tracks
from streaming.services.duplicates import duplicate_playlist
from streaming.services.playlists import (
    add_track,
    delete_playlist,
    insert_track,
    move_track,
    remove_track,
    reorder_tracks,
    restore_playlist,
)
from streaming.services.plays import count_plays, record_play
from streaming.services.prune import PrunedPlays, prune_plays
from streaming.services.social import (
    set_follow,
    set_like,
    share_track,
    toggle_follow,
    toggle_like,
)

__all__ = [
    "Batch",
    "Off",
    "PrunedPlays",
    "accept_invitation",
    "add_track",
    "comment_track",
    "count_plays",
    "delete_comment",
    "delete_playlist",
    "duplicate_playlist",
    "edit_comment",
    "insert_track",
    "invite_collaborator",
    "move_track",
    "prune_plays",
    "record_play",
    "remove_collaborator",
    "remove_track",
    "reorder_tracks",
    "repair_playlists",
    "repair_tracks",
    "reply_to_comment",
    "restore_comment",
    "restore_playlist",
    "set_follow",
    "set_like",
    "share_track",
    "toggle_follow",
    "toggle_like",
]
