#include "convmae/train/task.h"

#include <c10/util/Exception.h>

namespace convmae {

void Task::commit_if(const at::Tensor& /*admitted*/) {
  TORCH_CHECK(false,
              "this task does not say what becomes of its statistics where the host does "
              "not wait for the device");
}

}  // namespace convmae
