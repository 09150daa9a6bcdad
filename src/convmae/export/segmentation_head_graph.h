#pragma once

#include "convmae/export/graph_math.h"
#include "convmae/model/dense_description.h"

#include <cstdint>
#include <vector>

/// What stands behind a segmentor's encoder, in a graph; see segment/segmentation_heads.h.
namespace convmae {

/// The parameters of FourthLevel. map [B, C, H, W] -> [B, C, (H - 1) / 2, (W - 1) / 2].
GraphValue fourth_level(const dense::Scope<GraphMath>& s, const GraphValue& map);

/// The parameters of UperHead. maps [B, C_s, H_s, W_s] -> logits [B, K, H_0, W_0].
GraphValue uper_head(const dense::Scope<GraphMath>& s, const std::vector<std::int64_t>& pool_scales,
                     const std::vector<GraphValue>& maps);

}  // namespace convmae
