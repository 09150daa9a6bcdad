#include "convmae/train/pretrain.h"

#include "convmae/train/pretrain_run.h"

namespace convmae {

int pretrain(PretrainOptions& options, const RunContext& context) {
  PretrainRun run(options, context);
  return run.train();
}

}  // namespace convmae
