#include "convmae/detect/detector_draws.h"

#include "convmae/base/random.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace convmae {
namespace {

/// What is left out as one in a map of tokens: squares of `side` tokens.
struct Windows {
  Size grid;
  std::int64_t side = 0;
  std::int64_t shift = 0;

  Size count() const { return {(grid.height + side - 1) / side, (grid.width + side - 1) / side}; }
};

/// Uniform draws of each image, from its own stream.
class ImageDraws {
 public:
  explicit ImageDraws(const BatchKey& key) {
    for (const std::int64_t position : key.positions) {
      streams_.emplace_back(key.seed, key.epoch, static_cast<std::uint64_t>(position),
                            Purpose::drop_path);
    }
  }

  /// [B, count]
  at::Tensor next(std::int64_t count) {
    at::Tensor draws = at::empty({std::ssize(streams_), count}, at::kFloat);
    auto* out = draws.mutable_data_ptr<float>();
    for (CounterRandom& stream : streams_) {
      for (std::int64_t i = 0; i < count; ++i) *out++ = stream.uniform();
    }
    return draws;
  }

 private:
  std::vector<CounterRandom> streams_;
};

/// [B]
at::Tensor scale_of_images(ImageDraws& draws, double rate) {
  return branch_scale(draws.next(1).squeeze(1), rate);
}

/// [B, tokens]
at::Tensor scale_of_windows(ImageDraws& draws, double rate, const Windows& windows) {
  const auto [down, across] = windows.count();
  const at::Tensor scale = branch_scale(draws.next(down * across), rate);
  const at::Tensor map = scale.view({-1, down, across})
                             .repeat_interleave(windows.side, 1)
                             .repeat_interleave(windows.side, 2)
                             .narrow(1, 0, windows.grid.height)
                             .narrow(2, 0, windows.grid.width);
  return at::roll(map, {windows.shift, windows.shift}, {1, 2}).flatten(1);
}

std::vector<SubsetDraw> subset_draws(const BatchKey& key, Purpose purpose) {
  std::vector<SubsetDraw> draws;
  draws.reserve(key.positions.size());
  for (const std::int64_t position : key.positions) {
    draws.emplace_back(
        [random =
             CounterRandom(key.seed, key.epoch, static_cast<std::uint64_t>(position), purpose)](
            std::int64_t n, std::int64_t count) mutable { return draw_from(random)(n, count); });
  }
  return draws;
}

}  // namespace

DropPath detector_drop_path(const DetectorConfig& config, Size image, double rate,
                            const BatchKey& key) {
  if (rate <= 0) return {};
  const std::vector<std::int64_t>& depth = config.encoder.depth;
  const std::int64_t convolutional = depth[0] + depth[1];
  const std::vector<double> rates = drop_path_rates(rate, convolutional + depth[2]);
  const std::int64_t block = geometry_of(config.encoder).block();
  const Windows windows{
      {image.height / block, image.width / block}, config.window.side, config.window.shift};
  ImageDraws draws(key);
  DropPath result;
  for (std::int64_t number = 0; number < std::ssize(rates); ++number) {
    const double own = rates[static_cast<std::size_t>(number)];
    if (own <= 0) {
      result.emplace_back();
      continue;
    }
    const bool by_window = config.drop_path_unit == DropPathUnit::window &&
                           std::ranges::count(config.windowed_blocks, number - convolutional) > 0;
    const auto next = [&] {
      return by_window ? scale_of_windows(draws, own, windows) : scale_of_images(draws, own);
    };
    at::Tensor mixing = next();
    result.push_back(BranchScales{std::move(mixing), next()});
  }
  return result;
}

TrainingDraws training_draws(const DetectorConfig& config, Size image, double drop_path_rate,
                             const BatchKey& key) {
  return {subset_draws(key, Purpose::anchors), subset_draws(key, Purpose::proposals),
          detector_drop_path(config, image, drop_path_rate, key)};
}

}  // namespace convmae
