#include "convmae/train/weights.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <string_view>

namespace convmae {
namespace {

bool is_decoder(std::string_view name) {
  return name.starts_with("decoder_") || name == "mask_token";
}

void refuse_what_resume_takes(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw UserError("--init takes a file of weights, but " + quote(path.string()) +
                    " is a directory: continue a run with --resume " + path.string() +
                    ", or take its weights with --init " + (path / "weights.safetensors").string());
  }
  if (checkpoint_kind(SafetensorsFile(path)) == CheckpointKind::training) {
    const std::filesystem::path run = path.parent_path().parent_path();
    throw UserError(quote(path.string()) +
                    " is a training checkpoint, which --init does not take: continue its run with "
                    "--resume " +
                    (run.empty() ? std::filesystem::path(".") : run).string());
  }
}

}  // namespace

void save_weights(const std::filesystem::path& path, const PretrainModel& model,
                  const CheckpointInfo& info) {
  write_checkpoint(path, CheckpointKind::weights, named_tensors(model), info, {});
}

LoadedModel load_model(const std::filesystem::path& path) {
  const CheckpointFile file(path);
  LoadedModel loaded{make_pretrain_model(file.info().model), file.info()};
  for (const auto& [name, tensor] : named_tensors(*loaded.model)) file.read(name, tensor);
  return loaded;
}

std::string InitReport::text() const {
  std::string text = "took " + std::to_string(loaded) + " tensors";
  if (missing_decoder > 0) {
    text += "; the file has no weights for " + std::to_string(missing_decoder) +
            " tensors of the decoder, which start afresh";
  }
  if (unused > 0) {
    text += "; " + std::to_string(unused) + " tensors of the file have no place in this model";
  }
  return text;
}

InitReport initialise_from(const std::filesystem::path& path, PretrainModel& model) {
  refuse_what_resume_takes(path);
  const SafetensorsFile file(path);
  InitReport report;
  std::int64_t missing_encoder = 0;
  std::string first_missing;
  std::int64_t tables = 0;
  for (const auto& item : model.named_parameters()) {
    const std::string& name = item.key();
    const TensorView* const tensor = file.find(name);
    if (!item.value().requires_grad()) {
      if (tensor != nullptr) ++tables;
      continue;
    }
    if (!is_decoder(name)) ++report.encoder_tensors;
    if (tensor != nullptr) {
      read_tensor(file, *tensor, item.value());
      ++report.loaded;
    } else if (is_decoder(name)) {
      ++report.missing_decoder;
    } else {
      if (missing_encoder++ == 0) first_missing = name;
    }
  }
  if (missing_encoder == report.encoder_tensors) {
    throw UserError("no tensor of " + quote(path.string()) +
                    " belongs to the encoder (expected names such as " + quote(first_missing) +
                    "): give a file of this method's weights, or leave out --init");
  }
  if (missing_encoder > 0) {
    throw UserError(quote(path.string()) + " lacks " + std::to_string(missing_encoder) + " of " +
                    std::to_string(report.encoder_tensors) + " encoder tensors, the first is " +
                    quote(first_missing) + ": choose the model that the file was made for");
  }
  report.unused = static_cast<std::int64_t>(file.tensors().size()) - report.loaded - tables;
  return report;
}

}  // namespace convmae
