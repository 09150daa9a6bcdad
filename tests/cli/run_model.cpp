/// What the program makes of normalised images, to compare what was exported with:
/// run_model FILE IMAGES.safetensors OUT.safetensors [features]
/// Each tensor NAME [B, C, H, W] of IMAGES becomes NAME.logits, or NAME.stage1 and so on, in OUT.

#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/features/feature_model.h"
#include "convmae/model/dense/backbone.h"
#include "convmae/segment/segmentor_checkpoint.h"

#include <ATen/ATen.h>

#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace convmae {
namespace {

using Run = std::function<std::vector<at::Tensor>(const at::Tensor&)>;

Run run_of(const std::string& path, bool features) {
  const bool segments = WeightFile(path).find("decode_head.conv_seg.weight") != nullptr;
  if (segments) {
    const auto segmentor = load_segmentor(path).segmentor;
    if (!features)
      return [segmentor](const at::Tensor& x) { return std::vector{segmentor->logits(x)}; };
    const auto backbone =
        std::dynamic_pointer_cast<Backbone>(segmentor->named_children()["backbone"]);
    return [backbone](const at::Tensor& x) { return backbone->forward(x); };
  }
  if (features) {
    return [model = FeatureModel::load(path)](const at::Tensor& x) { return model.maps(x); };
  }
  const auto classifier = load_classifier(path).model;
  return [classifier](const at::Tensor& x) { return std::vector{classifier->forward(x)}; };
}

int run(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: run_model FILE IMAGES.safetensors OUT.safetensors [features]\n", stderr);
    return 2;
  }
  const at::NoGradGuard no_grad;
  const bool features = argc > 4;
  const Run model = run_of(argv[1], features);
  std::map<std::string, at::Tensor> results;
  const SafetensorsFile images(argv[2]);
  for (const TensorView& view : images.tensors()) {
    at::Tensor batch = at::empty(view.shape, at::kFloat);
    images.read(view, {static_cast<std::byte*>(batch.data_ptr()), batch.nbytes()});
    std::int64_t number = 0;
    for (const at::Tensor& result : model(batch)) {
      const std::string name = features ? "stage" + std::to_string(++number) : "logits";
      results[view.name + "." + name] = result.contiguous();
    }
  }
  std::vector<TensorView> views;
  views.reserve(results.size());
  for (const auto& [name, value] : results) {
    views.push_back({name,
                     DType::f32,
                     value.sizes().vec(),
                     {static_cast<const std::byte*>(value.const_data_ptr()), value.nbytes()}});
  }
  write_safetensors(argv[3], views, {});
  return 0;
}

}  // namespace
}  // namespace convmae

int main(int argc, char** argv) { return convmae::run(argc, argv); }
