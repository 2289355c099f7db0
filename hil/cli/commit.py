"""The commit of relance that runs, where it runs from a checkout."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parent.parent.parent
_WAIT_S: Final = 5


def commit_of_checkout() -> str:
    """Its id, with a `+` where the checkout is not as committed; empty without a checkout or without git."""
    git = shutil.which("git")
    if git is None or not (_ROOT / ".git").exists():
        return ""
    try:
        found = _ask(git, "rev-parse", "HEAD").strip()
        is_changed = bool(_ask(git, "status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.SubprocessError):
        # A record without a commit says that it is not known.
        return ""
    return found + "+" * is_changed


def _ask(git: str, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 # git, by its path
        [git, "-C", str(_ROOT), *words], capture_output=True, text=True, check=True, timeout=_WAIT_S
    )
    return done.stdout
