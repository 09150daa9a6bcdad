"""bench/gpu.sh and what it is made of, without a GPU: what it takes along, how its stages end, what it concludes."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tool import load_tool

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = (ROOT / "bench" / "gpu.sh").read_text()
prefix = load_tool("gpu_prefix")
curve = load_tool("../bench/gpu_curve.py")
verdict = load_tool("../bench/gpu_verdict.py")

STAGES = re.search(r"^stages=\((.*)\)$", SCRIPT, re.MULTILINE).group(1).split()


def output_of(program, *arguments):
    """What a program's main prints, and its exit code."""
    printed, code = io.StringIO(), 0
    with mock.patch("sys.argv", ["program", *map(str, arguments)]), contextlib.redirect_stdout(printed):
        try:
            program.main()
        except SystemExit as end:
            code = end.code
    return printed.getvalue(), code


class InAFolder(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)


class Stages(InAFolder):
    def test_are_all_there_and_take_less_than_eight_minutes(self):
        self.assertEqual(STAGES, ["build", "operators", "step", "limits", "eager", "compiled", "golden", "curve", "jpeg",
                                  "ranks", "sanitizer"])
        limits = dict(re.findall(r"\[(\w+)\]=(\d+)", re.search(r"declare -A limits=\(([^)]*)\)", SCRIPT).group(1)))
        self.assertEqual(list(limits), STAGES)
        self.assertLess(sum(map(int, limits.values())), 8 * 60)
        for stage in STAGES:
            self.assertRegex(SCRIPT, rf"(?m)^stage_{stage}\(\)")

    def test_are_documented_with_their_limits(self):
        guide = (ROOT / "docs" / "performance.md").read_text()
        for stage, seconds in re.findall(r"\[(\w+)\]=(\d+)", SCRIPT):
            self.assertRegex(guide, rf"\| .*`{stage}`.* \| .*\b{seconds}\b.* \|")

    def run_script(self, cmake):
        """With programs that fail, in a tree that has been configured."""
        (self.folder / "bench").mkdir()
        for name in ("gpu.sh", "gpu_verdict.py"):
            shutil.copy(ROOT / "bench" / name, self.folder / "bench")
        tree = self.folder / "build-gpu"
        tree.mkdir()
        (tree / "CMakeCache.txt").touch()
        for name in ("convmae", "convmae_golden", "test_ops"):
            (tree / name).write_text("#!/bin/sh\necho nothing works >&2\nexit 3\n")
            (tree / name).chmod(0o755)
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "cmake").write_text(f"#!/bin/sh\n{cmake}\n")
        (self.folder / "bin" / "cmake").chmod(0o755)
        (self.folder / "out").mkdir()
        done = subprocess.run([self.folder / "bench" / "gpu.sh", "--dry_run"], capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                                   "OUT": str(self.folder / "out")})
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stdout

    def test_that_fail_do_not_end_the_others(self):
        printed = self.run_script("exit 0")
        for stage in ("operators", "golden", "curve", "jpeg", "ranks", "sanitizer"):
            self.assertRegex(printed, rf"(?m)^gpu: {stage} failed \d+ exit_code$")
        self.assertIn("gpu: eager left_out", printed)
        self.assertIn("  | nothing works", printed)
        self.assertIn("gpu: verdict golden_misses unknown", printed)
        self.assertEqual([line for line in printed.splitlines() if line.startswith("gpu: ")],
                         (self.folder / "out" / "results.txt").read_text().splitlines())

    def test_end_with_the_build(self):
        printed = self.run_script("echo no compiler >&2; exit 4")
        self.assertIn("gpu: build failed 4 exit_code\n  | no compiler", printed)
        self.assertNotIn("operators", printed)


class Curve(InAFolder):
    def compared(self, ours, theirs):
        for name, values in (("a", ours), ("b", theirs)):
            (self.folder / f"{name}.jsonl").write_text("".join(json.dumps({"loss": v}) + "\n" for v in values))
        return output_of(curve, self.folder / "a.jsonl", "--like", self.folder / "b.jsonl")

    def test_may_part_slowly_from_another(self):
        right = [1 / (1 + step) for step in range(40)]
        self.assertEqual(self.compared(right, right)[1], 0)
        printed, code = self.compared([v * (1 + 2e-5 * step) for step, v in enumerate(right)], right)
        self.assertEqual(code, 0)
        self.assertIn("first_10 1.80e-04", printed)

    def test_may_not_begin_elsewhere_or_end_elsewhere(self):
        right = [1 / (1 + step) for step in range(40)]
        self.assertEqual(self.compared([right[0] * 1.002, *right[1:]], right)[1], 1)
        self.assertEqual(self.compared([*right[:30], *(v * 1.02 for v in right[30:])], right)[1], 1)
        self.assertEqual(self.compared([*right[:5], float("nan"), *right[6:]], right)[1], 1)

    def test_has_as_many_steps(self):
        self.assertIn("has 3 steps", self.compared([1, 2, 3], [1, 2])[1])

    def test_that_is_carried_falls(self):
        losses = curve.losses(curve.CARRIED)
        self.assertEqual(len(losses), 200)
        self.assertLess(losses[-1], 0.9 * losses[0])


class Verdict(InAFolder):
    RESULTS = {"step": {"images_per_second": 4000, "step": 64, "activations": 35},
               "limits": {"square": 800, "products": 40, "products_an_image": 64}, "golden": {"miss": 1},
               "eager": {"images_per_second": 1000, "activations": 166}}

    def test_says_what_is_reached_missed_and_unknown(self):
        (self.folder / "results.txt").write_text("".join(
            f"gpu: {stage} {name} {value} unit\n" for stage, found in self.RESULTS.items() for name, value in found.items()))
        printed, _ = output_of(verdict, self.folder / "results.txt")
        for line in ("eager_ratio 4 reached,_least_3", "share_of_square 0.32 missed,_least_0.38",
                     "share_of_products 0.625 reached,_least_0.55", "activations_ratio 0.2108 reached,_most_0.35",
                     "golden_misses 1 missed,_most_0", "compiled_ratio unknown for_want_of_compiled_images_per_second"):
            self.assertIn(f"gpu: verdict {line}\n", printed)


class Prefix(InAFolder):
    def package(self, name, **files):
        for path, content in files.items():
            path = self.folder / name / path.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("-> "):
                path.symlink_to(content[3:])
            else:
                path.write_text(content)
        return self.folder / name

    def test_holds_what_a_build_reads(self):
        made = self.folder / "prefix"
        lib = "lib__x86_64-linux-gnu__"
        prefix.merge(self.package("runtime", **{f"{lib}libz.so.1": "code", "usr__share__doc__zlib__copyright": "text"}), made)
        prefix.merge(self.package("dev", **{f"usr__{lib}libz.so": "-> /lib/x86_64-linux-gnu/libz.so.1",
                                            f"usr__{lib}libz.a": "code", f"usr__{lib}libgtest.a": "code",
                                            f"usr__{lib}libother.so": "-> libother.so.3", "usr__include__zlib.h": "text"}), made)
        prefix.make_links_relative(made)
        prefix.keep_what_builds(made)
        found = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if not path.is_dir())
        libraries = "usr/lib/x86_64-linux-gnu"
        self.assertEqual(found, ["usr/include/zlib.h", f"{libraries}/libgtest.a", f"{libraries}/libz.so", f"{libraries}/libz.so.1"])
        self.assertEqual(os.readlink(made / libraries / "libz.so"), "libz.so.1")

    def test_leaves_room_for_what_is_tracked(self):
        if not (ROOT / ".git").exists():
            self.skipTest("not a git tree")
        self.assertLess(prefix.tracked_size() / 2**20 + prefix.PREFIX_MIB, prefix.LIMIT_MIB)

    def test_names_each_package_once_and_the_libraries_of_the_build(self):
        names = prefix.packages()
        self.assertEqual(len(names), len(set(names)))
        build = (ROOT / "tools" / "packages" / "build.txt").read_text().split()
        drawing = {"libcairo2-dev", "libpango1.0-dev"}
        self.assertLessEqual({name for name in build if name.startswith("lib") and name.endswith("-dev")} - drawing, set(names))

    def test_wants_the_published_files(self):
        with self.assertRaisesRegex(prefix.Problem, "has no models_convmae.py"):
            prefix.copy_published(self.folder, self.folder / "published")


if __name__ == "__main__":
    unittest.main()
