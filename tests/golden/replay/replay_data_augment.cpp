#include "convmae/data/augment/mixing.h"
#include "convmae/data/augment/rand_augment.h"
#include "convmae/data/resize/resize.h"
#include "convmae/data/transforms.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>

#include "golden/replay/image_tensors.h"
#include "golden/replay/replays.h"
#include <string>
#include <vector>

namespace convmae::golden {
namespace {

/// An operation without an argument is stored without one.
double argument_of(const Json& arguments) {
  return arguments.empty() || arguments.at(0).is_null() ? 0.0 : arguments.at(0).get<double>();
}

void apply(const std::string& name, double argument, Rgb fill, Image& image) {
  Image scratch;
  augment(parse_augment_op(name), argument, fill, image, scratch);
}

/// Crop, mirror, operations, normalised planes: the whole path of one training sample.
void add_chain(const GoldenFile& file, Rgb fill, Tensors& out) {
  const Json& chain = file.config().at("chain");
  const Json& crop = chain.at("crop");
  const auto side = crop.at("out").get<std::int64_t>();
  const Box box{crop.at("i").get<std::int64_t>(), crop.at("j").get<std::int64_t>(),
                crop.at("h").get<std::int64_t>(), crop.at("w").get<std::int64_t>()};
  Image image;
  Resizer().resize(image_of(file.at("in.chain")), box, {side, side}, Filter::bicubic, image);
  if (chain.at("hflip").get<bool>()) mirror(image);
  for (const Json& op : chain.at("ops")) {
    apply(op.at(0).get<std::string>(), op.size() > 1 ? op.at(1).get<double>() : 0.0, fill, image);
  }
  out["out.chain"] = pixels_of(image);
  at::Tensor normalised = at::empty({image.channels(), side, side}, at::kFloat);
  normalise(image, full_scale(PixelType::uint8), Normalisation::defaults(image.channels()),
            /*flip=*/false, normalised.mutable_data_ptr<float>());
  out["out.chain_norm"] = normalised;
}

}  // namespace

Replay replay_data_randaugment(const GoldenFile& file) {
  const Json& config = file.config();
  const Rgb fill = config.at("fill").get<Rgb>();
  Replay replay;
  for (const Json& op : config.at("ops")) {
    Image image = image_of(file.at("in.image"));
    apply(op.at("op").get<std::string>(), argument_of(op.at("args")), fill, image);
    replay.tensors[op.at("key").get<std::string>()] = pixels_of(image);
  }
  if (config.contains("chain")) add_chain(file, fill, replay.tensors);
  return replay;
}

Replay replay_data_mixing(const GoldenFile& file) {
  const Json& config = file.config();
  const auto num_classes = config.at("num_classes").get<std::int64_t>();
  const auto smoothing = config.at("label_smoothing").get<double>();
  std::vector<std::int64_t> labels;
  const at::Tensor in_labels = file.at("in.labels");
  for (std::int64_t i = 0; i < in_labels.numel(); ++i) {
    labels.push_back(static_cast<std::int64_t>(in_labels.const_data_ptr<float>()[i]));
  }
  Replay replay;
  int number = 0;
  for (const Json& mixed : config.at("cases")) {
    at::Tensor x = file.at("in.x").clone();
    TORCH_CHECK(x.dim() == 4, "expected images [N, C, H, W], found ", x.sizes());
    const BatchView batch{
        x.mutable_data_ptr<float>(), x.size(0), x.size(1), {x.size(2), x.size(3)}};
    auto lambda = mixed.at("lam").get<double>();
    if (mixed.at("kind") == "cutmix") {
      const Box box = cutmix_box(batch.size, lambda, mixed.at("cy").get<std::int64_t>(),
                                 mixed.at("cx").get<std::int64_t>());
      cutmix(batch, box);
      lambda = cutmix_lambda(batch.size, box);
    } else {
      mixup(batch, lambda);
    }
    std::vector<float> targets = mixed_targets(labels, num_classes, {&lambda, 1}, smoothing);
    const std::string name = "out" + std::to_string(number++);
    replay.tensors[name + ".x"] = x;
    replay.tensors[name + ".target"] =
        at::from_blob(targets.data(), {std::ssize(labels), num_classes}, at::kFloat).clone();
  }
  return replay;
}

}  // namespace convmae::golden
