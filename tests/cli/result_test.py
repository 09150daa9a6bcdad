"""result.json says how a run ended, however it ended."""

import json
import signal
import unittest

from program import ONE_EPOCH, TINY, checkpoints, epochs, run_program, steps
from saving import SavingTest


class Result(SavingTest):
    KEYS = ["status", "reason", "note", "signal", "command", "step", "steps", "epochs_done", "epochs", "last",
            "best", "seconds", "cpu_seconds"]

    def result(self, run=None):
        found = json.loads(((run or self.run_directory) / "result.json").read_text())
        self.assertEqual(list(found), self.KEYS)
        self.assertEqual(found["command"], "pretrain")
        self.assertGreater(found["seconds"], 0)
        self.assertGreater(found["cpu_seconds"], 0)
        return found

    def test_at_the_end_of_the_schedule(self):
        self.pretrain("--batch_size", 10, "--epochs", 3, "--eval_data", self.held_out, "--eval_every_epochs", 2)
        found = self.result()
        self.assertEqual((found["status"], found["reason"], found["note"], found["signal"]),
                         ("finished", "schedule", None, None))
        self.assertEqual((found["step"], found["steps"], found["epochs_done"], found["epochs"]), (6, 6, 3, 3))
        lines = epochs(self.run_directory)
        self.assertEqual(found["last"].items() & lines[-1].items(), lines[-1].items())
        best = min(lines[1:], key=lambda line: line["val_loss"])
        self.assertEqual(found["best"].items() & best.items(), best.items())
        self.assertEqual(found["best"]["step"], 2 * best["epochs_done"])
        self.assertEqual(found["best"]["checkpoint"], "checkpoints/" + self.best())
        # It is of the run: nothing stands in the way of another one, or of going on and back.
        self.resume("--epochs", 4)
        self.assertEqual(self.result()["step"], 8)
        result = self.call("--resume", checkpoints(self.run_directory)[0], "--epochs", 5)
        self.assertEqual(result.returncode, 0, result.stderr)
        (aside,) = self.run_directory.glob("after-step-*")
        self.assertEqual(self.result(aside)["step"], 8)
        self.assertEqual(self.result()["step"], 10)
        self.pretrain(*ONE_EPOCH, "--overwrite")
        self.assertEqual(self.result()["best"], None)
        self.assertEqual(self.result()["step"], 2)

    def test_at_a_time_limit(self):
        self.pretrain("--batch_size", 4, "--epochs", 100000, "--max_minutes", 0.04, "--save_every_epochs", 0)
        found = self.result()
        self.assertEqual((found["status"], found["reason"]), ("finished", "time_limit"))
        self.assertIn("time limit", found["note"])
        self.assertEqual(found["step"], len(steps(self.run_directory)))

    def test_at_a_signal_and_after_it(self):
        process = self.new_run("--batch_size", 4, "--epochs", 100000)
        self.wait_for_steps(process, 3)
        self.assertFalse((self.run_directory / "result.json").exists())
        process.send_signal(signal.SIGTERM)
        process.communicate()
        found = self.result()
        self.assertEqual((found["status"], found["reason"], found["signal"]), ("interrupted", "signal", 15))
        self.assertEqual(found["step"], len(steps(self.run_directory)))
        process = self.start("--resume", self.run_directory)
        self.wait_for_steps(process, found["step"] + 1)
        self.assertFalse((self.run_directory / "result.json").exists())
        process.kill()
        process.communicate()

    def test_of_an_error(self):
        self.pretrain("--batch_size", 10, "--epochs", 2, "--lr", 1e30, "--warmup_epochs", 0, expect=2)
        found = self.result()
        self.assertEqual((found["status"], found["reason"], found["signal"]), ("failed", "error", None))
        self.assertIn("not finite", found["note"])

    def test_of_others_is_left_alone(self):
        self.pretrain(*ONE_EPOCH)
        path = self.run_directory / "result.json"
        path.write_text('{"mine": 1}')
        for arguments in (["--resume", self.run_directory, "--epochs", 2],
                          ["--data", self.data, "--out", self.run_directory, *TINY, *ONE_EPOCH,
                           "--overwrite"]):
            self.assert_user_error(run_program("pretrain", *arguments), "result.json", "move it away")
            self.assertEqual(path.read_text(), '{"mine": 1}')


if __name__ == "__main__":
    unittest.main()
