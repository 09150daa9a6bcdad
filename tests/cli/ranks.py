"""Several processes of the program, as a launcher starts them."""

import os
import socket
import subprocess
import time

from program import PROGRAM


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Ranks:
    """Starts the processes of one command; each has its own streams."""

    def __init__(self, count, *arguments, port=None, between=0, **variables):
        """`between`: seconds between the start of a process and that of the next one."""
        port = port or free_port()
        self.processes = []
        for rank in range(count):
            time.sleep(between if rank > 0 else 0)
            environment = dict(os.environ, RANK=str(rank), WORLD_SIZE=str(count),
                               LOCAL_RANK=str(rank), LOCAL_WORLD_SIZE=str(count),
                               MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), **variables)
            command = [PROGRAM, *map(str, arguments)]
            self.processes.append(subprocess.Popen(command, stdout=subprocess.PIPE,
                                                   stderr=subprocess.PIPE, text=True,
                                                   env=environment))

    def wait(self, timeout=100):
        """Exit codes, and what was printed; ends what has not ended by then."""
        try:
            printed = [process.communicate(timeout=timeout) for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
        self.codes = [process.returncode for process in self.processes]
        self.out = [out for out, _ in printed]
        self.err = [err for _, err in printed]
        return self

    def errors(self):
        """The lines that say why the run ended, of all processes."""
        return [line for err in self.err for line in err.splitlines()
                if line.startswith("convmae: error:") or "internal error" in line]

    def run(self, case):
        """Waits for an end without errors."""
        self.wait()
        case.assertEqual(self.codes, [0] * len(self.processes), self.err)
        return self
