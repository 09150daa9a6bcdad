#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/inference.h"
#include "convmae/cli/output.h"
#include "convmae/cli/validators.h"
#include "convmae/io/atomic_file.h"
#include "convmae/pretrain/held_out_loss.h"
#include "convmae/pretrain/reconstruction.h"
#include "convmae/report/canvas.h"
#include "convmae/report/format.h"
#include "convmae/report/png.h"
#include "convmae/train/batches.h"
#include "convmae/train/finite.h"
#include "convmae/train/run/checkpoint_store.h"

#include <ATen/ATen.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace convmae {
namespace {

struct ReconstructOptions {
  std::string checkpoint;
  std::string out;
  std::vector<std::string> images;
  std::optional<double> mask_ratio;
  std::optional<std::int64_t> groups;
  std::uint64_t seed = 0;
  bool json = false;
  OneByOne bad_images{"error"};
  InferenceFlags inference;
};

/// Fills in images one by one, prints their losses, unless as JSON at the end, and collects their
/// pictures.
class ImageReconstructor {
 public:
  ImageReconstructor(const LoadedModel& loaded, const ReconstructOptions& options)
      : model_(*loaded.model),
        preprocessing_(loaded.info.preprocessing),
        seed_(options.seed),
        json_(options.json),
        transform_(evaluation_transform(preprocessing_, options.inference.decode())) {
    model_.eval();
    if (!json_) std::printf("%10s  %s  image\n", "loss", baseline_name());
  }

  void add(const std::string& path) {
    const at::NoGradGuard no_grad;
    const at::Tensor image = read_image(transform_, path);
    const auto number = std::ssize(reconstructions_);
    const at::Tensor noise =
        mask_noise(seed_, kEvaluationEpoch, {&number, 1}, model_.noise_length());
    const PretrainOutput output = model_.forward(image, noise, Predict::all);
    require_numbers(output.pred, "the model", model_);
    const auto loss = output.loss.item<double>();
    const double baseline = baseline_loss(model_, image, output.mask);
    print_row(path, loss, baseline);
    loss_sum_ += loss;
    baseline_sum_ += baseline;
    const std::string caption =
        std::filesystem::path(path).filename().string() + ": loss " + format_number(loss);
    reconstructions_.push_back(
        reconstruct(model_, image, output, preprocessing_, {caption}).front());
  }

  void add_error(const std::string& path, const std::string& error) {
    if (json_) {
      rows_.push_back({{"image", path}, {"error", error}});
    } else {
      print_row("none", "none", path + ": " + error);
    }
  }

  void finish(const std::filesystem::path& out, const std::filesystem::path& checkpoint) {
    const auto count = static_cast<double>(reconstructions_.size());
    const double loss = loss_sum_ / count;
    const double baseline = baseline_sum_ / count;
    const std::string note = reconstruction_note(model_.config());
    if (!json_ && reconstructions_.size() > 1) print_row("mean", loss, baseline);
    if (!json_ && !note.empty()) std::printf("%s\n", note.c_str());
    MissingFonts missing;
    write_png(out, compose(reconstruction_panel(reconstructions_, note), missing));
    const std::string advice = missing.advice();
    if (!advice.empty()) std::cerr << "convmae: warning: " << advice << "\n";
    if (!json_) {
      std::printf("pictures: %s\n", printable(out.string()).c_str());
      return;
    }
    const ModelConfig& config = model_.config();
    print_json({{"checkpoint", checkpoint.string()},
                {"method", to_string(config.method)},
                {"input_size", {config.encoder.img_size.height, config.encoder.img_size.width}},
                {"baseline", baseline_name()},
                {"images", std::move(rows_)},
                {"mean_loss", loss},
                {"mean_baseline_loss", baseline},
                {"picture", out.string()}});
  }

 private:
  /// What the loss is compared with (baseline_loss).
  const char* baseline_name() const {
    return model_.config().decoder.norm_pix_loss ? "of each block's own mean"
                                                 : "of the visible pixels' mean";
  }

  void print_row(const std::string& name, double loss, double baseline) {
    if (json_) {
      rows_.push_back({{"image", name}, {"loss", loss}, {"baseline_loss", baseline}});
    } else {
      print_row(format_number(loss), format_number(baseline), name);
    }
  }

  void print_row(const std::string& loss, const std::string& baseline,
                 const std::string& text) const {
    const auto width = static_cast<int>(std::strlen(baseline_name()));
    std::printf("%10s  %*s  %s\n", loss.c_str(), width, baseline.c_str(), printable(text).c_str());
  }

  PretrainModel& model_;
  const Preprocessing& preprocessing_;
  std::uint64_t seed_;
  bool json_;
  SampleTransform transform_;
  nlohmann::ordered_json rows_ = nlohmann::ordered_json::array();  ///< of the JSON
  std::vector<Reconstruction> reconstructions_;
  double loss_sum_ = 0;
  double baseline_sum_ = 0;
};

int run(ReconstructOptions& options) {
  require_ending(options.out, {".png"}, "the picture is a PNG");
  require_not_read(options.out, {{options.checkpoint, "what --checkpoint names"}});
  for (const std::string& image : options.images) {
    require_not_read(options.out, {{image, "one of the images"}});
  }
  require_writable(options.out);
  if (const std::string why = why_nothing_is_drawn(); !why.empty()) throw UserError(why);
  const Compute compute = options.inference.start();
  const std::filesystem::path file = model_file(options.checkpoint);
  const LoadedModel loaded = load_model(file, [&](ModelConfig& config) {
    if (options.mask_ratio) config.masking.ratio = *options.mask_ratio;
    if (options.groups) config.masking.groups = *options.groups;
  });
  loaded.model->use(compute);
  const ModelConfig& config = loaded.model->config();
  if (!options.json) {
    std::printf("%s: %s, %lldx%lld pixels\n", printable(file.string()).c_str(),
                to_string(config.method).c_str(),
                static_cast<long long>(config.encoder.img_size.height),
                static_cast<long long>(config.encoder.img_size.width));
  }
  ImageReconstructor reconstructor(loaded, options);
  for (const std::string& image : options.images) {
    options.bad_images.attempt(
        image, [&] { reconstructor.add(image); },
        [&](const std::string& error) { reconstructor.add_error(image, error); });
  }
  options.bad_images.require_any();
  reconstructor.finish(options.out, file);
  std::fflush(stdout);
  return options.bad_images.finish();
}

}  // namespace

void add_reconstruct(CLI::App& app, CommandLine& line) {
  CLI::App* const command = app.add_subcommand(
      "reconstruct", "Let a pretrained model fill in removed blocks of images, and draw it");
  const auto options = std::make_shared<ReconstructOptions>();
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Checkpoint or weights, or the directory of a run")
      ->required();
  command->add_option("--out", options->out, "PNG file to write")->required();
  command->add_option("images", options->images, "JPEG, PNG, WebP, TIFF or .npy files")->required();
  numbers_of<double>(command->add_option("--mask_ratio", options->mask_ratio,
                                         "Share of the blocks that is removed [as in training]"));
  numbers_of<std::int64_t>(command->add_option(
      "--groups", options->groups, "Complementary masks of fastconvmae [as in training]"));
  numbers_of<std::uint64_t>(command->add_option("--seed", options->seed, "Decides the masks"))
      ->capture_default_str();
  add_json(*command, options->json);
  options->bad_images.add_to(*command);
  options->inference.add_to(*command);
  add_example(*command, "convmae reconstruct photos/cat/1.jpg --checkpoint run --out picture.png");
  command->callback([options, &line] { line.exit_code = run(*options); });
}

}  // namespace convmae
