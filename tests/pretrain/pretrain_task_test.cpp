#include "convmae/pretrain/pretrain_task.h"

#include <gtest/gtest.h>

#include "support/small_models.h"
#include "support/step_without_numbers.h"

namespace convmae {
namespace {

PretrainOptions small_options(const ModelConfig& config) {
  PretrainOptions options;
  options.model_config = config;
  options.mean = options.std = {0.5, 0.5, 0.5};
  return options;
}

/// Four images, in the bytes of their pixels.
Batch batch_in_bytes(const EncoderConfig& encoder) {
  Batch batch;
  batch.count = 4;
  batch.global_indices = {4, 5, 6, 7};
  const Size size = encoder.img_size;
  batch.bytes = std::make_shared<std::uint8_t[]>(
      static_cast<std::size_t>(batch.count * size.height * size.width * encoder.in_chans));
  return batch;
}

TEST(PretrainTask, AStepOnADeviceReadsNoNumberBack) {
  ModelConfig positions = small_config();
  positions.masking.unit = MaskUnit::position;
  ModelConfig fast = small_config();
  fast.method = Method::fastconvmae;
  for (const ModelConfig& config : {small_config(), positions, fast, small_vit_config()}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const PretrainOptions options = small_options(config);
      PretrainTask task(options, {.device = c10::kMeta, .type = type});
      EXPECT_NO_THROW(take_step_without_numbers(task, batch_in_bytes(config.encoder)))
          << to_string(config.method) << " " << type;
    }
  }
}

}  // namespace
}  // namespace convmae
