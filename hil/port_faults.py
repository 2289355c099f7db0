"""What is raised where a serial port goes wrong, whatever raises it.

An adapter that is pulled out is an OSError to a read, pyserial's own error to a write, and `termios.error`
to whoever flushes or sets the port: that one is neither of the others.
"""

import termios
from typing import Final

import serial

PORT_FAULTS: Final = (serial.SerialException, OSError, ValueError, termios.error)


def fault_text(error: Exception) -> str:
    """What an error of a port says, for a person: `termios.error` is a pair of a number and a text."""
    if isinstance(error, termios.error):
        return str(error.args[-1])
    return str(error)
