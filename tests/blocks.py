"""Loopback blocks for sandbox clouds: no two clouds of this machine's tests ever share one.

A block is claimed by the name of a socket, which the kernel gives to one process and frees when that ends.
"""

import os
import socket

BLOCKS = [f"127.{second}.0.0/12" for second in range(32, 256, 16)]
"""The first /12 behind 127.16 is left to products that are started with their own default."""


class Block:
    """A block of addresses that is nobody else's until `free` is called."""

    def __init__(self) -> None:
        first = os.getpid()
        for number in range(len(BLOCKS)):
            self.range = BLOCKS[(first + number) % len(BLOCKS)]
            self._claim = socket.socket(socket.AF_UNIX)
            try:
                self._claim.bind(f"\0govcloud-test-{self.range}")
            except OSError:
                self._claim.close()
            else:
                return
        raise RuntimeError("Every loopback block belongs to a cloud of another test.")

    def free(self) -> None:
        """Let another cloud have the block; doing it again is harmless."""
        self._claim.close()
