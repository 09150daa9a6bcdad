#include "convmae/classify/classification_loss.h"
#include "convmae/optim/gradients.h"
#include "convmae/optim/lars.h"
#include "convmae/optim/optimizer.h"
#include "convmae/optim/param_groups.h"
#include "convmae/optim/schedule.h"

#include <ATen/ATen.h>

#include "golden/replay/replays.h"

namespace convmae::golden {
namespace {

LearningRateSchedule schedule_of(const Json& config) {
  LearningRateSchedule schedule;
  schedule.lr = config.at("lr").get<double>();
  schedule.min_lr = config.at("min_lr").get<double>();
  schedule.warmup = config.at("warmup_epochs").get<double>();
  schedule.length = config.at("epochs").get<double>();
  return schedule;
}

double lr_of_step(const Json& config, std::int64_t step) {
  const auto iters = config.at("iters_per_epoch").get<std::int64_t>();
  return schedule_of(config).at(fractional_epoch(step / iters, step % iters, iters));
}

/// The scales that the file's draws give, where it has any.
DropPath drop_path_of(const GoldenFile& file) {
  const Json& config = file.config();
  if (!config.contains("drop_path_per_block") || !file.has("in.droppath_rand")) return {};
  return drop_path(config.at("drop_path_per_block").get<std::vector<double>>(),
                   file.at("in.droppath_rand"));
}

at::Tensor scalar(const at::Tensor& value) { return value.detach().view({1}); }

}  // namespace

Replay replay_finetune(const GoldenFile& file) {
  const auto classifier = load_classifier(file, ClassifierHead::linear);
  const at::Tensor logits = classifier->forward(file.at("in.imgs"), drop_path_of(file));
  const at::Tensor loss = soft_target_cross_entropy(logits, file.at("in.target"));
  loss.backward();
  Replay replay;
  replay.tensors["out.logits"] = logits.detach();
  replay.tensors["out.loss_soft"] = scalar(loss);
  if (file.has("in.labels")) {
    const at::Tensor labels = file.at("in.labels").to(at::kLong);
    replay.tensors["out.loss_ce"] = scalar(label_smoothing_cross_entropy(logits, labels, 0));
    replay.tensors["out.loss_label_smoothing_0.1"] =
        scalar(label_smoothing_cross_entropy(logits, labels, 0.1));
  }
  for (const auto& parameter : classifier->named_parameters()) {
    if (const at::Tensor& grad = parameter.value().grad(); grad.defined()) {
      replay.tensors["grad." + parameter.key()] = grad;
    }
  }
  return replay;
}

Replay replay_finetune_steps(const GoldenFile& file) {
  const Json& config = file.config();
  const auto classifier = load_classifier(file, ClassifierHead::linear);
  const auto betas = config.at("betas").get<std::vector<double>>();
  AdamW optimizer(layer_decay_groups(*classifier, config.at("weight_decay").get<double>(),
                                     config.at("layer_decay").get<double>(),
                                     classifier->encoder().num_layers()),
                  {betas.at(0), betas.at(1), config.at("adam_eps").get<double>()});
  const Json clip = config.value("clip_grad", Json());
  const at::Tensor images = file.at("in.imgs");
  const at::Tensor target = file.at("in.target");
  std::vector<float> losses;
  std::vector<float> norms;
  for (std::int64_t step = 0; step < config.at("steps").get<std::int64_t>(); ++step) {
    optimizer.zero_grad();
    const at::Tensor loss = soft_target_cross_entropy(classifier->forward(images), target);
    loss.backward();
    const double norm = grad_norm(optimizer.gradients());
    if (clip.is_number()) clip_gradients(optimizer.gradients(), norm, clip.get<double>());
    optimizer.step(lr_of_step(config, step));
    losses.push_back(loss.item<float>());
    norms.push_back(static_cast<float>(norm));
  }
  Replay replay;
  replay.tensors["out.loss"] = at::tensor(losses);
  replay.tensors["out.grad_norm"] = at::tensor(norms);
  for (const auto& parameter : classifier->named_parameters()) {
    replay.tensors["final." + parameter.key()] = parameter.value().detach();
  }
  for (const auto& [name, state] : optimizer.states()) {
    replay.tensors["exp_avg." + name] = state.exp_avg;
    replay.tensors["exp_avg_sq." + name] = state.exp_avg_sq;
  }
  return replay;
}

Replay replay_linprobe(const GoldenFile& file) {
  const Json& config = file.config();
  const auto classifier = load_classifier(file, ClassifierHead::probe);
  Lars optimizer(
      weight_decay_groups(*classifier, config.at("weight_decay").get<double>()),
      {config.at("momentum").get<double>(), config.at("trust_coefficient").get<double>()});
  const at::Tensor labels = file.at("in.labels").to(at::kLong);
  at::Tensor features;
  {
    const at::NoGradGuard no_grad;
    features = classifier->encoder().forward(file.at("in.imgs"));
  }
  Replay replay;
  replay.tensors["out.features"] = features;
  std::vector<float> losses;
  for (std::int64_t step = 0; step < config.at("steps").get<std::int64_t>(); ++step) {
    const at::Tensor logits = classifier->classify(features);
    const at::Tensor loss = label_smoothing_cross_entropy(logits, labels, 0);
    classifier->zero_grad();
    loss.backward();
    losses.push_back(loss.item<float>());
    if (step == 0) {
      replay.tensors["out.logits_step0"] = logits.detach();
      for (const auto& parameter : classifier->named_parameters()) {
        if (const at::Tensor& grad = parameter.value().grad(); grad.defined()) {
          replay.tensors["grad_step0." + parameter.key()] = grad.clone();
        }
      }
    }
    optimizer.step(lr_of_step(config, step));
    classifier->commit_statistics();
    const std::string suffix = "_step" + std::to_string(step);
    for (const auto& parameter : classifier->named_parameters()) {
      if (!parameter.value().requires_grad()) continue;
      replay.tensors["out." + parameter.key() + suffix] = parameter.value().detach().clone();
    }
    for (const auto& buffer : classifier->named_buffers()) {
      if (!buffer.value().is_floating_point()) continue;
      replay.tensors["out." + buffer.key() + suffix] = buffer.value().clone();
    }
  }
  replay.tensors["out.loss"] = at::tensor(losses);
  for (const auto& [name, mu] : optimizer.states()) replay.tensors["out.mu." + name] = mu;
  const at::NoGradGuard no_grad;
  classifier->eval();
  replay.tensors["out.logits_eval_final"] = classifier->classify(features);
  return replay;
}

}  // namespace convmae::golden
