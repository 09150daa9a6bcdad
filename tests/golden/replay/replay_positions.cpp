#include "convmae/model/encoder/position_resize.h"
#include "convmae/model/encoder/windows.h"

#include <ATen/ATen.h>

#include "golden/replay/replays.h"

namespace convmae::golden {
namespace {

std::int64_t number(const Json& json, std::size_t index) {
  return json.at(index).get<std::int64_t>();
}

}  // namespace

// `abs`: [source side, [target height, target width], channels], `rel`: [rows, queries, keys,
// channels], `win`: [B, H, W, C, window].
Replay replay_pos_resize(const GoldenFile& file) {
  const Json& config = file.config();
  Replay replay;
  const Json none = Json::array();
  const auto cases = [&](const char* kind) -> const Json& {
    return config.contains(kind) ? config.at(kind) : none;
  };
  for (const auto& item : cases("abs").items()) {
    const std::int64_t side = number(item.value(), 0);
    const Size target{number(item.value().at(1), 0), number(item.value().at(1), 1)};
    const std::string name = "abs" + item.key();
    const at::Tensor resized =
        resize_positions(file.at("in." + name), {side, side}, target, /*leading=*/0);
    replay.tensors["out." + name + "_resize_pos_embed"] = resized;
    replay.tensors["out." + name + "_get_abs_pos"] =
        resized.view({1, target.height, target.width, resized.size(2)});
  }
  for (const auto& item : cases("rel").items()) {
    replay.tensors["out.rel" + item.key()] = relative_positions(
        file.at("in.rel" + item.key()), number(item.value(), 1), number(item.value(), 2));
  }
  for (const auto& item : cases("win").items()) {
    const at::Tensor map = file.at("in.win" + item.key());
    replay.tensors["out.win" + item.key()] =
        window_partition(map, number(item.value(), 4), at::zeros({map.size(3)}));
  }
  return replay;
}

}  // namespace convmae::golden
