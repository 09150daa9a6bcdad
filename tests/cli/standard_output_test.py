"""What could not be printed is an error, and what is printed lands nowhere else."""

import os
import shutil
import signal
import subprocess
import unittest

from program import ONE_EPOCH, PROGRAM, TINY, TrainedTest, steps, unless_left_out

SIZES = TINY[:TINY.index("--decoder_embed_dim")]
SMALL_BENCH = (*TINY[:TINY.index("--panel_images")], "--batch_size", "2", "--steps", "1",
               "--no_products")


class StandardOutput(TrainedTest):
    def commands(self):
        """One call of every command that prints something, by name."""
        weights = self.encoder / "weights.safetensors"
        image = self.data / "000.png"
        out = self.folder / str(len(os.listdir(self.folder)))
        out.mkdir()
        encoder = ["--checkpoint", self.encoder, "--threads", "1"]
        return {
            "help": ["--help"], "help of a command": ["pretrain", "--help"],
            "help command": ["help"], "version": ["--version"],
            "pretrain": ["pretrain", "--data", self.data, "--out", out / "run", *TINY, *ONE_EPOCH],
            "inspect": ["inspect", weights], "inspect json": ["inspect", weights, "--json"],
            "info": ["info"], "info json": ["info", "--model", "huge", "--json"],
            "convert": ["convert", weights, out / "w.pth"],
            "compare": ["compare", self.encoder, "--out", out / "c.html"],
            "stats": ["stats", self.data, "--input_size", "32"],
            "knn": ["knn", "--data", self.classes, *encoder],
            "features": ["features", "--data", self.data, *encoder, "--out", out / "f.npy"],
            "eval": ["eval", "--checkpoint", self.classifier, "--data", self.classes],
            "predict": ["predict", "--checkpoint", self.classifier, image, "--threads", "1"],
            "reconstruct": ["reconstruct", "--checkpoint", self.encoder, image, "--out",
                            out / "r.png"],
            "bench data": ["bench", "data", "--images", "1"],
            "bench pretrain": ["bench", "pretrain", *SMALL_BENCH],
            "bench weights": ["bench", "weights", weights, "--rounds", "1"],
        }

    def shell(self, redirection, arguments, **keywords):
        """The program as a shell starts it."""
        return unless_left_out(subprocess.run(["bash", "-c", f'"$0" "$@" {redirection}', PROGRAM,
                                               *map(str, arguments)], capture_output=True, text=True,
                                              **keywords))

    def test_a_full_disk_is_an_error_of_every_command(self):
        for name, arguments in self.commands().items():
            with self.subTest(command=name):
                result = self.shell(">/dev/full", arguments)
                self.assert_user_error(result, "standard output", "No space left on device")

    def test_a_closed_stream_is_an_error_of_every_command(self):
        for name, arguments in self.commands().items():
            with self.subTest(command=name):
                result = self.shell(">&-", arguments)
                self.assert_user_error(result, "standard output is closed", "/dev/null")

    def test_a_file_size_limit_is_an_error(self):
        out = self.folder / "out.json"
        for blocks in (0, 4):  # of 1024 bytes: nothing fits, or the beginning does
            result = self.shell(f">{out}", ["info", "--model", "huge", "--json"],
                                preexec_fn=lambda: limit_file_size(1024 * blocks))
            self.assert_user_error(result, "standard output", "ulimit -f")
            self.assertEqual(out.stat().st_size, 1024 * blocks)

    def test_a_reader_that_goes_away_is_no_error(self):
        for arguments in (["info", "--model", "huge", "--json"], ["--help"],
                          ["inspect", self.encoder / "weights.safetensors"]):
            for ignored in (False, True):  # as some job runners leave it
                read, write = os.pipe()
                os.close(read)
                result = subprocess.run([PROGRAM, *map(str, arguments)], stdout=write,
                                        stderr=subprocess.PIPE, text=True,
                                        restore_signals=not ignored)
                os.close(write)
                with self.subTest(arguments=arguments, ignored=ignored):
                    self.assertEqual(result.stderr, "")
                    self.assertEqual(result.returncode, 141 if ignored else -signal.SIGPIPE)

    def test_what_a_run_says_lands_in_none_of_its_files(self):
        for redirection, code in ((">&- 2>&-", 2), ("<&- >&- 2>&-", 2), ("2>&-", 0),
                                  ("<&- 2>&-", 0)):
            with self.subTest(redirection=redirection):
                run = self.folder / f"run{len(os.listdir(self.folder))}"
                result = self.shell(redirection, ["pretrain", "--data", self.data, "--out", run,
                                                  *TINY, *ONE_EPOCH])
                self.assertEqual(result.returncode, code)
                self.assertEqual(len(steps(run)), 2)
                text = b"".join(path.read_bytes() for path in run.rglob("*")
                                if path.is_file() and path.suffix in (".jsonl", ".txt", ".toml"))
                self.assertNotIn(b"epoch 1/1", text)
                self.assertNotIn(b"weights: ", text)

    def test_warnings_land_in_no_output(self):
        out = self.folder / "f.npy"
        broken = self.folder / "images"
        shutil.copytree(self.data, broken)
        (broken / "000.png").write_bytes(b"not an image")
        result = self.shell(">&- 2>&-", ["features", "--data", broken, "--checkpoint", self.encoder,
                                         "--on_bad_sample", "skip", "--out", out, "--threads",
                                         "1"])
        self.assertEqual(result.returncode, 2)
        for path in (out, self.folder / "f.csv"):
            self.assertNotIn(b"warning", path.read_bytes())

    def test_a_command_that_fails_says_that_alone(self):
        result = self.shell(">/dev/full", ["inspect", self.folder / "none"])
        self.assert_user_error(result, "none")
        self.assertNotIn("standard output", result.stderr)


def limit_file_size(size):
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


if __name__ == "__main__":
    unittest.main()
