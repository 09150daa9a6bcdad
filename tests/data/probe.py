"""Asks the data probe (pillow_probe.cpp) for decoded images and the like."""

import json
import subprocess

import numpy as np


class Probe:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **request):
        """An array, a list of samples, or the text of an error."""
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        head = json.loads(self.process.stdout.readline())
        if "error" in head:
            return head["error"]
        if "samples" in head:
            return head["samples"]
        dtype = np.dtype(head["dtype"])
        count = int(np.prod(head["shape"]))
        pixels = np.frombuffer(self.process.stdout.read(count * dtype.itemsize), dtype)
        return pixels.reshape(head["shape"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
