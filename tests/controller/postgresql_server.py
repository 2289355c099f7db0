"""A PostgreSQL server for tests: a cluster and a socket in a temporary folder, deleted after the tests."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time  # noqa: TID251 # waits for a real process
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from controller.database import postgresql

_START_S = 30.0
_STOP_S = 10.0
# The data need not survive a crash, so no commit waits for the disk.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


class PostgresqlServer:
    """A server that `start` starts and `stop` stops."""

    def __init__(self) -> None:
        # Not below pytest's folder: only its owner may enter that, and the server runs as another user.
        self._folder = Path(tempfile.mkdtemp(prefix="relance-postgresql-"))
        self._process: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root; Debian's package creates a user for it.
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            owner = pwd.getpwnam("postgres")
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)

    def url(self, database: str) -> str:
        """The address of a database, as a person would give it."""
        return f"postgresql://postgres@/{database}?unix_sock={self._folder}/.s.PGSQL.5432"

    def start(self) -> None:
        """Make the cluster, and wait until it answers."""
        data = self._folder / "data"
        made = subprocess.run(
            [
                _program("initdb"),
                f"--pgdata={data}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as_user,
        )
        assert made.returncode == 0, made.stderr
        settings = [each for name, value in _SETTINGS.items() for each in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [_program("postgres"), "-D", str(data), "-k", str(self._folder), *settings],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as_user,
        )
        self._wait_until_it_answers()

    def create(self, database: str) -> str:
        """An empty database; its address."""
        self.administer(f"CREATE DATABASE {database}")
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop a database, even while others are connected to it."""
        self.administer(f"DROP DATABASE {database} WITH (FORCE)")

    def administer(self, sql: str, database: str = "postgres") -> None:
        """One statement, by a connection of its own, as an administrator would."""
        address = make_url(self.url(database)).set(drivername=postgresql.DRIVER)
        server = create_engine(address, isolation_level="AUTOCOMMIT")
        try:
            with server.connect() as connection:
                connection.execute(text(sql))
        finally:
            server.dispose()

    def stop(self) -> None:
        """End the server and remove all that it kept."""
        if self._process is not None:
            # Its "fast" shutdown: it ends its connections, and leaves nothing behind.
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(_STOP_S)
            self._process = None
        shutil.rmtree(self._folder)

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_S
        while self._process.poll() is None and time.monotonic() < deadline:
            asked = subprocess.run([_program("pg_isready"), "--quiet", f"--host={self._folder}"], check=False)
            if asked.returncode == 0:
                return
            time.sleep(0.02)
        self.stop()
        raise AssertionError("PostgreSQL did not start")


def _program(name: str) -> str:
    """The newest program of this name; Debian installs it outside PATH."""
    places = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3].split(".")[0])
    )
    found = str(places[-1]) if places else shutil.which(name)
    assert found is not None, f"{name} is not installed: apt-get install postgresql"
    return found
