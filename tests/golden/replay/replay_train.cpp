#include "convmae/optim/gradients.h"
#include "convmae/optim/optimizer.h"
#include "convmae/optim/param_groups.h"
#include "convmae/optim/schedule.h"

#include <ATen/ATen.h>

#include "golden/replay/replays.h"

namespace convmae::golden {

Replay replay_train(const GoldenFile& file) {
  const Json& config = file.config();
  const auto model = load_pretrain_model(file, config.value("norm_pix_loss", true));
  const auto betas = config.at("betas").get<std::vector<double>>();
  AdamW optimizer(weight_decay_groups(*model, config.at("weight_decay").get<double>()),
                  {betas.at(0), betas.at(1), config.at("adam_eps").get<double>()});
  LearningRateSchedule schedule;
  schedule.lr = config.at("lr").get<double>();
  schedule.min_lr = config.at("min_lr").get<double>();
  schedule.warmup = config.at("warmup_epochs").get<double>();
  schedule.length = config.at("epochs").get<double>();
  const auto steps = config.at("steps").get<std::int64_t>();
  const auto accum_iter = config.at("accum_iter").get<std::int64_t>();
  const auto iters_per_epoch = config.at("iters_per_epoch").get<std::int64_t>();

  const at::Tensor images = file.at("in.imgs");
  const at::Tensor noise = file.host("in.noise");
  std::vector<float> losses;
  std::vector<float> norms;
  for (std::int64_t step = 0; step < steps; ++step) {
    const std::int64_t first = step * accum_iter;
    optimizer.zero_grad();
    for (std::int64_t micro = 0; micro < accum_iter; ++micro) {
      const at::Tensor loss =
          model->forward(images, noise.select(0, first + micro), Predict::removed).loss;
      losses.push_back(loss.item<float>());
      (loss / static_cast<double>(accum_iter)).backward();
    }
    norms.push_back(static_cast<float>(grad_norm(optimizer.gradients())));
    optimizer.step(schedule.at(
        fractional_epoch(first / iters_per_epoch, first % iters_per_epoch, iters_per_epoch)));
  }

  Replay replay;
  replay.tensors["out.loss"] = at::tensor(losses);
  replay.tensors["out.grad_norm"] = at::tensor(norms);
  for (const auto& parameter : model->named_parameters()) {
    if (parameter.value().requires_grad()) {
      replay.tensors["final." + parameter.key()] = parameter.value().detach();
    }
  }
  for (const auto& [name, state] : optimizer.states()) {
    replay.tensors["exp_avg." + name] = state.exp_avg;
    replay.tensors["exp_avg_sq." + name] = state.exp_avg_sq;
  }
  return replay;
}

}  // namespace convmae::golden
