"""Lists of images as other programs write them, and as this one does."""

import csv
import io
import shutil
import unittest

from program import ProgramTest, run_program, tensors, write_images


class Lists(ProgramTest):
    IMAGES = 6

    def stats(self, content, *arguments, cwd=None):
        path = self.folder / "list.csv"
        path.write_bytes(content)
        return run_program("stats", path, "--input_size", 32, *arguments, cwd=cwd)

    def images(self):
        if not (self.folder / "images").exists():
            shutil.copytree(self.data, self.folder / "images")
        return [f"images/{number:03}.png" for number in range(self.IMAGES)]

    def written(self, heading=("path", "label"), **keywords):
        """What Python's csv module writes."""
        out = io.StringIO()
        writer = csv.writer(out, **keywords)
        if heading:
            writer.writerow(heading)
        writer.writerows((name, "ab"[number % 2]) for number, name in enumerate(self.images()))
        return out.getvalue()

    def test_of_other_programs_are_read(self):
        for name, text, encoding in (
            ("Excel", self.written(), "utf-8-sig"),
            ("Excel's Unicode text", self.written(dialect="excel-tab"), "utf-16"),
            ("big end first", "\ufeff" + self.written(), "utf-16-be"),
            ("every dialect of Python", self.written(dialect="unix"), "utf-8"),
            ("semicolons", self.written(("Image", "Class"), delimiter=";"), "latin-1"),
            ("quotes without a heading", self.written(None, quoting=csv.QUOTE_ALL), "utf-8-sig"),
            ("told the separator", "sep=|\r\n" + self.written(delimiter="|"), "utf-8"),
            ("further columns", "".join(f"{number},x,{line}\n" if number else f",n,{line}\n"
                                        for number, line in enumerate(self.written().split())),
             "utf-8"),
        ):
            with self.subTest(name):
                result = self.stats(text.encode(encoding))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("6 images in 2 classes", result.stdout + result.stderr)

    def test_from_windows_have_other_separators(self):
        self.images()
        result = self.stats(self.written().replace("/", "\\").encode())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("6 images in 2 classes", result.stdout + result.stderr)

    def test_that_do_not_fit_are_errors_of_a_line(self):
        names = self.images()
        for content, words in (
            (f'path,label\n{names[0]},"a\n{names[1]},b\n', "line 2"),
            (f"path,x,label\n{names[0]},1,a\n{names[1]},1,2,b\n", "line 3 has 4 fields"),
            (f"path,label\n{names[0]},a\n\n,b\n", "line 4 names no image"),
            ("/data/of/another/machine.png,a\n", "line 1 names '/data/of/another/machine.png'"),
            ("https://host/a.png,a\n", "found an address"),
        ):
            with self.subTest(words):
                self.assert_user_error(self.stats(content.encode()), "list.csv", words)

    def test_of_features_are_lists(self):
        write_images(self.folder / "set" / "a", 3)
        write_images(self.folder / "set" / "b , c", 3)
        (self.folder / "set" / "b , c" / "002.png").rename(self.folder / "set" / "b , c" / "#2.png")
        self.pretrain("--batch_size", 6, "--epochs", 1)
        (self.folder / "out").mkdir()
        common = ["features", "--checkpoint", self.run_directory, "--pooled", "--threads", 1]
        first, second = "out/first.safetensors", "out/second.safetensors"
        for data, out in (("set", first), ("out/first.csv", second)):
            result = run_program(*common, "--data", data, "--out", out, cwd=self.folder)
            self.assertEqual(result.returncode, 0, result.stderr)
        one, two = tensors(self.folder / first), tensors(self.folder / second)
        self.assertEqual(one["labels"].tolist(), [0, 0, 0, 1, 1, 1])
        for name, values in one.items():
            self.assertEqual(values.tolist(), two[name].tolist(), name)
        self.assertEqual((self.folder / "out" / "first.csv").read_text(),
                         (self.folder / "out" / "second.csv").read_text())

    def test_say_which_columns_were_chosen(self):
        names = self.images()
        rows = "".join(f"{number},{name},{'xy'[number % 2]}\n" for number, name in enumerate(names))
        result = self.stats(("id,file,species\n" + rows).encode())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("'file', no column of labels", result.stdout + result.stderr)
        result = self.stats(rows.encode())
        self.assertIn("columns 2 and 3", result.stdout + result.stderr)
        self.assertIn("in 2 classes", result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
