#include "convmae/train/step_numbers.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstdint>

namespace convmae {

void StepNumbers::add(const Loss& loss) {
  losses_.push_back(loss.total.detach());
  for (const auto& [name, value] : loss.parts) parts_.emplace_back(name, value.detach());
}

void StepNumbers::finish(const at::Tensor& grad_norm) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> values;
  values.reserve(losses_.size() + 1 + parts_.size());
  for (const at::Tensor& loss : losses_) values.push_back(loss.to(at::kDouble));
  values.push_back(grad_norm.to(at::kDouble));
  for (const auto& [name, value] : parts_) values.push_back(value.to(at::kDouble));
  all_ = at::stack(values);
  host_ = all_.to(at::kCPU, /*non_blocking=*/true);
  if (all_.is_cpu()) return;
  arrival_.emplace(all_.device().type());
  arrival_->record(c10::impl::VirtualGuardImpl(all_.device().type()).getStream(all_.device()));
}

void StepNumbers::share(ProcessGroup& group, std::span<double> counts) {
  if (arrival_) {
    // Who is lost shows here; a sum on the devices would wait for it until time runs out.
    group.sum(at::zeros({1}));
    arrival_->synchronize();
  }
  at::Tensor sums = at::empty({all_.numel() + std::ssize(counts)}, at::kDouble);
  sums.narrow(0, 0, all_.numel()).copy_(host_).div_(static_cast<double>(group.size()));
  double* const shared = sums.mutable_data_ptr<double>() + all_.numel();
  std::ranges::copy(counts, shared);
  group.sum(sums);
  std::copy_n(shared, counts.size(), counts.begin());
  all_ = host_ = sums.narrow(0, 0, all_.numel());
}

at::Tensor StepNumbers::are_finite() const {
  return at::isfinite(all_.narrow(0, 0, std::ssize(losses_) + 1)).all();
}

StepValues StepNumbers::read() const {
  if (arrival_) arrival_->synchronize();
  const auto* next = host_.const_data_ptr<double>();
  StepValues values;
  for (std::size_t i = 0; i < losses_.size(); ++i) values.loss += *next++;
  values.grad_norm = *next++;
  for (const auto& [name, value] : parts_) {
    auto part = std::ranges::find(values.parts, name, &std::pair<std::string, double>::first);
    if (part == values.parts.end()) part = values.parts.insert(part, {name, 0.0});
    part->second += *next++;
  }
  return values;
}

}  // namespace convmae
