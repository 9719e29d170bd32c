"""Runs programs that a model or a task proposed: a separate process in namespaces of its own, with no network.

Nothing of this machine but its system libraries and the interpreter is there to be read, and nothing can be written but
a small folder in memory. Where the kernel does not allow such namespaces, `obstacle` says so and `run` refuses.
"""

from workers.sandbox.running import Ending, Finished, Limits, SandboxUnavailableError, obstacle, run

__all__ = ["Ending", "Finished", "Limits", "SandboxUnavailableError", "obstacle", "run"]
