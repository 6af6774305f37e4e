"""Recording new data for tasks from simulators, in the format of the published data.

Needs the simulator of an extra (`walker`), and neither jax nor the rest of the arena.
"""

from .walker import RecordingProblem, Roll, open_walker, record_walker


__all__ = ["RecordingProblem", "Roll", "open_walker", "record_walker"]
