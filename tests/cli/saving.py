"""What the tests of saving and continuing share."""

import os
import time

from program import TINY, ProgramTest

BEST = "best.safetensors"


class SavingTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        images = sorted(cls.data.iterdir())
        cls.held_out = cls.copies(images, "held-out", 8)
        # So many that a test meets the program while it evaluates them.
        cls.many = cls.copies(images, "many", 1500)

    @classmethod
    def copies(cls, images, name, count):
        folder = cls.scratch / name
        folder.mkdir()
        for number in range(count):
            os.link(images[number % len(images)], folder / f"{number:05}.png")
        return folder

    def new_run(self, *arguments, data=None, **keywords):
        return self.start("--data", data or self.data, "--out", self.run_directory, *TINY,
                          "--num_workers", 1, *arguments, **keywords)

    def wait_until(self, process, condition, what):
        end = time.monotonic() + 120
        while not condition():
            self.assertIsNone(process.poll(), f"ended before: {what}")
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.002)

    def wait_for_steps(self, process, count):
        path = self.run_directory / "steps.jsonl"
        self.wait_until(process, lambda: path.exists() and path.read_text().count("\n") >= count,
                        f"{count} steps")

    def wait_for_checkpoint(self, process, step):
        name = self.run_directory / "checkpoints" / f"step-{step:08}.safetensors"
        self.wait_until(process, name.exists, name.name)

    def resume(self, *arguments, expect=0):
        result = self.call("--resume", self.run_directory, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def best(self):
        return (self.run_directory / "checkpoints" / BEST).resolve().name
