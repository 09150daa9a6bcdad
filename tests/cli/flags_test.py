"""How people give images, models and configurations."""

import json
import unittest

from program import ONE_EPOCH, TINY, ProgramTest, TrainedTest, run_program


class Images(TrainedTest):
    def commands(self):
        out = self.folder / "f.npy"
        return {"eval": ["--checkpoint", self.classifier, "--threads", 1],
                "knn": ["--checkpoint", self.encoder, "--threads", 1],
                "features": ["--checkpoint", self.encoder, "--threads", 1, "--out", out],
                "stats": ["--input_size", 32]}

    def output(self, *arguments):
        result = run_program(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_as_a_word_or_with_a_flag(self):
        for command, flags in self.commands().items():
            with self.subTest(command=command):
                expected = self.output(command, "--data", self.classes, *flags)
                for arguments in ([self.classes, *flags], [*flags, self.classes],
                                  [*flags, "--data_path", self.classes],
                                  [*flags, "--", self.classes],
                                  ["--data", "none", *flags, f"--data={self.classes}"]):
                    self.assertEqual(self.output(command, *arguments), expected)

    def test_both_or_neither_is_an_error(self):
        for command, flags in self.commands().items():
            with self.subTest(command=command):
                self.assert_user_error(run_program(command, *flags), "--data is missing")
                for both in ([self.classes, "--data", self.data],
                             ["--data", self.data, self.classes]):
                    self.assert_user_error(run_program(command, *flags, *both), "given twice",
                                           str(self.classes), str(self.data))
                self.assert_user_error(run_program(command, *flags, self.data, self.classes),
                                       "unexpected argument")
                self.assert_user_error(run_program(command, *flags, "--dta", self.classes),
                                       "unknown flag --dta")

    def test_a_list_of_numbers_leaves_the_words_behind_it_alone(self):
        knn = ["knn", "--checkpoint", self.encoder, "--threads", 1, "--json"]
        for k in (["--k", 1, 3], ["--k", "1,3"], ["--k=1,3"], ["--k", 1, "3"]):
            found = json.loads(self.output(*knn, *k, self.classes))
            self.assertEqual([score["k"] for score in found["scores"]], [1, 3])
        for size in ([32], [32, 32], ["32,32"]):
            self.output("stats", "--input_size", *size, self.data)
        self.output("features", "--checkpoint", self.encoder, "--stages", 1, 3, self.data, "--out",
                    self.folder / "f.npy")
        self.assertTrue((self.folder / "f.stage1.npy").exists())
        self.assert_user_error(run_program(*knn, "--k", "many", self.classes), "many")


class Models(ProgramTest):
    def config(self, *arguments):
        result = run_program("info", *arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)["config"]

    def test_published_names(self):
        for name, method, width in (
                ("convmae_convvit_base_patch16", "convmae", 768),
                ("convmae_convvit_base_patch16_dec512d8b", "convmae", 768),
                ("convmae_convvit_large_patch16", "convmae", 1024),
                ("convmae_convvit_huge_patch16", "convmae", 1280),
                ("fastconvmae_convvit_base_patch16", "fastconvmae", 768),
                ("convvit_base_patch16", "convmae", 768),
                ("convvit_small_patch16", "convmae", 384),
                ("mae_vit_base_patch16", "mae", 768), ("mae_vit_large_patch16", "mae", 1024),
                ("mae_vit_huge_patch14_dec512d8b", "mae", 1280),
                ("vit_base_patch16", "mae", 768), ("vit_huge_patch14", "mae", 1280),
                ("vit_base_patch16_224.mae", "mae", 768), ("convmae_base", "convmae", 768),
                ("ConvMAE-B", "convmae", 768), ("mcmae_large", "convmae", 1024),
                ("mae_large", "mae", 1024), ("mae-nano", "mae", 192), ("Base", "convmae", 768)):
            with self.subTest(name=name):
                config = self.config("--model", name)
                self.assertEqual(config["method"], method)
                self.assertEqual(config["embed_dim"][-1], width)

    def test_a_name_goes_with_its_method_alone(self):
        both = self.config("--model", "convvit_base_patch16", "--method", "fastconvmae")
        self.assertEqual(both["method"], "fastconvmae")
        for name, method in (("mae_vit_base_patch16", "convmae"), ("convmae_base", "mae")):
            self.assert_user_error(run_program("info", "--model", name, "--method", method),
                                   "leave one of them out")

    def test_names_of_other_models(self):
        for name, expected in (("resnet50", "resnet50"), ("mae_vit_giant_patch14", "giant"),
                               ("mae_convvit_base", "mae_convvit_base"), ("mae", "published name"),
                               ("convmae_base_large", "base_large"), ("", "empty text"),
                               ("vit_huge_patch16", "patches of side 14, found 16"),
                               ("mae_vit_base_patch16_dec256d8b", "width 512, found 256"),
                               ("vit_base_patch16_384", "side 224, found 384")):
            with self.subTest(name=name):
                self.assert_user_error(run_program("info", "--model", name), expected)

    def test_a_run_knows_its_model_by_size_and_method(self):
        result = self.call("--data", self.data, "--out", self.run_directory, "--input_size", 32,
                           "--model", "mae_vit_nano_patch16", "--threads", 1, *ONE_EPOCH)
        self.assertEqual(result.returncode, 0, result.stderr)
        text = (self.run_directory / "config.toml").read_text()
        self.assertIn("model = 'nano'\nmethod = 'mae'\n", text)
        result = self.call("--config", self.run_directory / "config.toml", "--model",
                           "convmae_convvit_nano_patch16", "--out", self.folder / "other")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("method = 'convmae'\n", (self.folder / "other" / "config.toml").read_text())
        self.assertEqual(self.call("--resume", self.run_directory, "--epochs", 2).returncode, 0)


class Configurations(ProgramTest):
    def configured(self, text):
        config = self.folder / "c.toml"
        config.write_text(text)
        return self.call("--config", config, "--data", self.data, "--out", self.run_directory,
                         *TINY, *ONE_EPOCH)

    def test_both_names_of_a_flag_are_refused(self):
        for text in ("data = 'a'\ndata_path = 'b'\n", "data_path = 'a'\ndata = 'a'\n",
                     "img_size = 32\ninput_size = 64\n", "batch-size = 4\nbatch_size = 4\n"):
            with self.subTest(text=text):
                first, second = sorted(line.split(" =")[0] for line in text.splitlines())
                self.assert_user_error(self.configured(text), "c.toml", f"'{first}'",
                                       f"'{second}'", "keep one")
        self.assertFalse(self.run_directory.exists())

    def test_keys_may_have_dashes_as_flags_may(self):
        result = self.configured("weight-decay = 0.25\n")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("weight_decay = 0.25\n", (self.run_directory / "config.toml").read_text())
        self.assert_user_error(self.configured("weight-decoy = 0.25\n"), "'weight-decoy'")


if __name__ == "__main__":
    unittest.main()
