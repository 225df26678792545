from dataclasses import dataclass
from datetime import timedelta
from random import Random
from uuid import UUID

from django.db import transaction

from accounts import services
from accounts.models import PasswordResetToken, RefreshToken, User, UserSession
from tests.support.examples.accounts import EARLIER, LATER, PASSWORD_HASH, new_hash, rotation
from tests.support.rows import Rows


@dataclass
class World:
    users: list[UUID]
    tokens: list[str]
    reset_tokens: list[str]


def prepare(rows: Rows) -> World:
    """Make three users; the tokens come with the storm."""
    return World([rows.insert("users") for _ in range(3)], [], [])


def act(world: World, random: Random) -> None:
    """Log in, use any token, also a used one, sign out, change a status, delete, purge."""
    random.choice(
        [
            *[log_in, log_in, rotate, rotate, rotate, reset],
            *[sign_out, change_status, delete, restore, restore, purge],
        ]
    )(world, random)


def log_in(world: World, random: Random) -> None:
    token_hash, expires_at = new_hash(), random.choice([EARLIER, LATER])
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True).get(pk=random.choice(world.users))
        token = RefreshToken.objects.create(user=user, token_hash=token_hash, expires_at=expires_at)
        UserSession.objects.create(
            user=user, refresh_token=token, session_token_hash=new_hash(), expires_at=LATER
        )
    world.tokens.append(token_hash)


def rotate(world: World, random: Random) -> None:
    if world.tokens:
        arguments = rotation(random.choice(world.tokens[-6:]))
        outcome = services.rotate_refresh_token(**arguments)
        if not (outcome.was_reused or outcome.is_repetition):
            world.tokens.append(arguments["new_token_hash"])


def reset(world: World, random: Random) -> None:
    if not world.reset_tokens or random.random() < 0.3:
        token_hash = new_hash()
        PasswordResetToken.objects.create(
            user_id=random.choice(world.users), token_hash=token_hash, expires_at=LATER
        )
        world.reset_tokens.append(token_hash)
    services.consume_reset_token(
        token_hash=random.choice(world.reset_tokens[-3:]), password_hash=PASSWORD_HASH
    )


def sign_out(world: World, random: Random) -> None:
    services.sign_out_everywhere(user_id=random.choice(world.users))


def change_status(world: World, random: Random) -> None:
    services.change_user_status(
        user_id=random.choice(world.users), status=random.choice(["active", "active", "suspended"])
    )


def delete(world: World, random: Random) -> None:
    services.soft_delete_user(user_id=random.choice(world.users))


def restore(world: World, random: Random) -> None:
    services.restore_user(user_id=random.choice(world.users))


def purge(_world: World, random: Random) -> None:
    services.purge_expired(limit=random.randint(1, 10))


def prepare_many(rows: Rows) -> World:
    """Make three users, for chains of many tokens."""
    return prepare(rows)


def sweep(world: World, random: Random) -> None:
    """Call one service that locks many tokens and sessions, or one that they meet."""
    random.choice([rotate_often, rotate_often, purge_many, sign_out, rotate])(world, random)


def rotate_often(world: World, random: Random) -> None:
    """Make a chain, of which some tokens have expired; one of them is used twice in the end."""
    log_in(world, random)
    for _ in range(10):
        arguments = rotation(world.tokens[-1]) | {
            "lifetime": random.choice([timedelta(milliseconds=5), timedelta(days=1)])
        }
        if services.rotate_refresh_token(**arguments).was_reused:
            return
        world.tokens.append(arguments["new_token_hash"])


def purge_many(_world: World, _random: Random) -> None:
    services.purge_expired(limit=100)
