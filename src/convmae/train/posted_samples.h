#pragma once

#include "convmae/data/batch_queue.h"
#include "convmae/dist/process_group.h"

#include <string>
#include <vector>

namespace convmae {

/// A sample that another process could not use, and what it has done about it.
struct PostedSample {
  BadSample bad;
  std::string done;  ///< "left out", "replaced"
};

/// Leaves word of one for process 0; waits for nobody.
void post_sample(ProcessGroup& group, const PostedSample& sample);
/// In process 0: those that have come since the last time.
std::vector<PostedSample> posted_samples(ProcessGroup& group);

}  // namespace convmae
