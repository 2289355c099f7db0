"""One run of an agent in a terminal: it opens a key, signs until it is closed, and says how often."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from protocols.documents.orders import short_keyid
from protocols.rim.agent.asking import ask_agent
from protocols.rim.agent.messages import AgentAnswer, AgentAsk, Wish
from protocols.rim.agent.serving import Agent, keep_memory_private, listening, only_agent, serve_agent
from protocols.words.en.times import duration

_NONE: Final = "No key is open at this account."


def run_agent(path: Path, open_key: Callable[[], Agent], say: Callable[[str], None], program: str) -> None:
    """Serve until Ctrl-C, SIGTERM, a command that closes it, or its end. `program`: whose commands close it.

    `open_key` asks for the passphrase, once it is sure that no other agent is open. Raises as `only_agent`.
    """
    with only_agent(path, program):
        agent = open_key()
        keep_memory_private()
        with listening(path) as server:
            stopped: list[int] = []
            signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
            key = f"{agent.holder}'s key {short_keyid(agent.keyid)}"
            say(f"{key} is open for {duration(agent.length_ms)}; Ctrl-C closes it.")
            serve_agent(agent, server, lambda: bool(stopped))
    say(f"{agent.holder}'s key is closed; it has signed {_times(agent.signed)}.")


def told_status(path: Path) -> tuple[dict[str, Any], str]:
    """Whose key is open at this account, as values (`open` at least) and as a sentence."""
    answer = ask_agent(path, AgentAsk(Wish.STATUS))
    if answer is None:
        return {"open": False}, _NONE
    return _fields(answer), (
        f"{answer.holder}'s key {short_keyid(answer.keyid)} is open for another"
        f" {duration(answer.left_ms)}; it has signed {_times(answer.signed)}."
    )


def told_closing(path: Path) -> tuple[dict[str, Any], str]:
    """Close the key that is open: whose it was (`closed`; None: none), and a sentence."""
    answer = ask_agent(path, AgentAsk(Wish.CLOSE))
    if answer is None:
        return {"closed": None}, _NONE
    return {"closed": answer.holder}, f"{answer.holder}'s key is closed."


def _fields(answer: AgentAnswer) -> dict[str, Any]:
    return {
        "open": True,
        "name": answer.holder,
        "key": answer.keyid,
        "left_ms": answer.left_ms,
        "signed": answer.signed,
    }


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
