"""The root of a home, and the people that it lists."""

from pathlib import Path

from protocols.documents.orders import Role
from protocols.documents.roles import Root, open_first_root
from protocols.errors import DocumentError, InputError


def load_root(path: Path) -> Root:
    """The root document of a home. Raises InputError where it is missing, broken or not signed by its own."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `relance init` makes it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return open_first_root(data)
    except DocumentError as error:
        raise InputError(f"{path}: {error}") from None


def operators_of(root: Root, role: Role) -> tuple[str, ...]:
    """The distinct holders of a role, as the root lists them."""
    rule = root.roles.get(role)
    keyids = () if rule is None else rule.keyids
    return tuple(dict.fromkeys(root.keys[keyid].holder for keyid in keyids))
