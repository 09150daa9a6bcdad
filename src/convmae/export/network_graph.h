#pragma once

#include "convmae/export/graph_math.h"
#include "convmae/model/classifier.h"
#include "convmae/model/config.h"
#include "convmae/segment/segmentor_config.h"

#include <vector>

/// The networks of this program as graphs: what they make of whole images [B, C, H, W].
namespace convmae {

/// Of which images a graph is.
struct GraphImages {
  GraphValue images;
  /// Whether they may have another size than that of the configuration: then tables of positions
  /// are interpolated, as the program itself does.
  bool any_size = false;
};

/// The maps of an encoder, as `FeatureModel::maps` gives them: of ConvMAE [B, C_s, H_s, W_s] of
/// stages 1, 2 and 3, of MAE its patches [B, D, h, w], behind its norm if it has one.
std::vector<GraphValue> encoder_maps(GraphMath& math, const EncoderConfig& config,
                                     const GraphImages& images);

/// Logits [B, K] of a classifier, or of a linear probe.
GraphValue classifier_logits(GraphMath& math, const ClassifierConfig& config,
                             const GraphImages& images);

/// The maps of a segmentor's three stages.
std::vector<GraphValue> segmentor_maps(GraphMath& math, const SegmentorConfig& config,
                                       const GraphImages& images);

/// Logits [B, K, H_0, W_0] of a segmentor, as `Segmentor::logits`.
GraphValue segmentor_logits(GraphMath& math, const SegmentorConfig& config,
                            const GraphImages& images);

}  // namespace convmae
