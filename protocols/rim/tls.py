"""TLS for the connection to a broker: who it is, and who we are."""

import ssl
from pathlib import Path

from protocols.errors import InputError


def client_context(folder: Path) -> ssl.SSLContext:
    """A client's side of TLS: trusts only `ca.pem` of a folder, and shows `cert.pem` with `key.pem`.

    Raises InputError where one of them cannot be read.
    """
    for name in ("ca.pem", "cert.pem", "key.pem"):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such file; `relance broker config` makes it")
    try:
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    except OSError as error:
        # ssl.SSLError is an OSError; its text names no file.
        why = "damaged, or of another key" if isinstance(error, ssl.SSLError) else error.strerror
        raise InputError(f"{folder}: these credentials cannot be used: {why}") from None
    return context
