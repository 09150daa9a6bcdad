#pragma once

#include "convmae/coco/dataset.h"

#include <vector>

namespace convmae::coco {

/// The 80 categories of the COCO dataset (Lin et al., arXiv 1405.0312), by ascending id: what
/// published detectors tell apart, whose files have no names.
std::vector<Category> published_categories();

}  // namespace convmae::coco
