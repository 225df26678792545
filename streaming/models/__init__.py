from streaming.models.engagement import TrackComment, TrackLike, TrackPlay, TrackShare
from streaming.models.playlist import (
    Playlist,
    PlaylistCollaborator,
    PlaylistFollow,
    PlaylistPermission,
    PlaylistTrack,
)
from streaming.models.track import (
    Track,
    TrackHistory,
    TrackHistoryAction,
    TrackStatus,
    TrackVersion,
)

__all__ = [
    "Playlist",
    "PlaylistCollaborator",
    "PlaylistFollow",
    "PlaylistPermission",
    "PlaylistTrack",
    "Track",
    "TrackComment",
    "TrackHistory",
    "TrackHistoryAction",
    "TrackLike",
    "TrackPlay",
    "TrackShare",
    "TrackStatus",
    "TrackVersion",
]
