"""A run continues from its newest checkpoint that is sound, on its own images."""

import csv
import json
import shutil
import unittest

from safetensors.numpy import load_file

from program import TINY, checkpoints, metadata_of, save_sealed, steps, tensors
from saving import BEST, SavingTest


def rewrite(path, change):
    """Changes metadata and tensors of a checkpoint."""
    metadata, arrays = metadata_of(path), load_file(path)
    change(metadata, arrays)
    save_sealed(path, arrays, metadata)


class Continuation(SavingTest):
    def test_tries_the_checkpoint_before(self):
        self.pretrain("--batch_size", 10, "--epochs", 4, "--keep_last", 2, "--eval_data",
                      self.held_out)
        newest = checkpoints(self.run_directory)[-1]
        intact, weights = newest.read_bytes(), self.run_directory / "weights.safetensors"
        expected = tensors(weights)

        def trainer(change):
            def apply(metadata, arrays):
                state = json.loads(metadata["convmae.trainer"])
                change(state)
                metadata["convmae.trainer"] = json.dumps(state)
            return lambda: rewrite(newest, apply)

        damages = {
            "empty": lambda: newest.write_bytes(b""),
            "cut": lambda: newest.write_bytes(intact[:-100]),
            "a bit of the header": lambda: newest.write_bytes(
                intact[:20] + bytes([intact[20] ^ 4]) + intact[21:]),
            "a text for a number": trainer(lambda state: state.update(step="x")),
            "null for a number": trainer(lambda state: state.update(loss_sum=None)),
            "no number": trainer(lambda state: state.pop("global_step")),
            "an impossible step": trainer(lambda state: state.update(step=10**15)),
            "trainer state that is none": lambda: rewrite(
                newest, lambda metadata, _: metadata.update({"convmae.trainer": "[]"})),
            "a missing tensor": lambda: rewrite(
                newest, lambda _, arrays: arrays.pop("norm.weight")),
            "a tensor of another shape": lambda: rewrite(
                newest, lambda _, arrays: arrays.update(
                    {"norm.weight": arrays["norm.weight"][:-1].copy()})),
        }
        for name, damage in damages.items():
            with self.subTest(damage=name):
                newest.write_bytes(intact)
                damage()
                result = self.resume()
                self.assertIn("passing it over", result.stderr)
                self.assertIn("step-00000008", result.stderr)
                self.assertEqual([line["step"] for line in steps(self.run_directory)],
                                 list(range(1, 9)))
                self.assert_same_tensors(newest, weights.parent / "checkpoints" / newest.name)
                found = tensors(weights)
                for key, value in expected.items():
                    self.assertEqual(found[key].tobytes(), value.tobytes(), key)

    def test_a_checkpoint_of_an_earlier_version(self):
        self.pretrain("--batch_size", 10, "--epochs", 2, "--eval_data", self.held_out)
        first, newest = checkpoints(self.run_directory)
        for path, epoch, score in ((first, 1, 0.5), (newest, 2, None)):
            def age(metadata, _):
                state = json.loads(metadata["convmae.trainer"])
                del state["image_names"], state["image_classes"]
                state.update(epoch=epoch, step=0, loss_sum=0, loss_count=0, score=score,
                             best_score=0.5)
                metadata["convmae.trainer"] = json.dumps(state)
            rewrite(path, age)
            (path.parent / f"score-{path.stem[5:]}.json").unlink()
        link = self.run_directory / "checkpoints" / BEST
        link.unlink()
        link.symlink_to(first.name)
        result = self.resume("--epochs", 3, "--keep_last", 1)
        self.assertNotIn("passing", result.stderr)
        self.assertEqual(self.best(), first.name)
        self.assertEqual([path.stem for path in checkpoints(self.run_directory)],
                         ["step-00000002", "step-00000006"])

    def test_wants_the_same_images(self):
        images = self.folder / "images"
        shutil.copytree(self.data, images)
        table = self.folder / "list.csv"

        def write(labels):
            with open(table, "w", newline="") as file:
                csv.writer(file).writerows(
                    (f"images/{path.name}", label)
                    for path, label in zip(sorted(images.iterdir()), labels))

        def resume():
            return self.call("--resume", self.run_directory, "--epochs", 2)

        write([0, 1] * 10)
        result = self.call("--data", table, "--out", self.run_directory, *TINY, "--batch_size", 10,
                           "--epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        write([1, 0] * 10)
        self.assert_user_error(resume(), "as many images", "classes differ")
        write([0, 1] * 10)
        (images / "003.png").rename(images / "zzz.png")
        write([0, 1] * 10)
        self.assert_user_error(resume(), "as many images", "names differ")
        (images / "zzz.png").rename(images / "003.png")
        write([0, 1] * 10)
        self.assertEqual(resume().returncode, 0)

    def test_images_may_be_moved(self):
        moved = self.folder / "elsewhere" / "photos"
        shutil.copytree(self.data, moved)
        self.pretrain("--batch_size", 10, "--epochs", 1)
        self.resume("--epochs", 2, "--data", moved)


if __name__ == "__main__":
    unittest.main()
