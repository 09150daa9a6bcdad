#include "convmae/checkpoint/held_tensors.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/classifier_weights.h"

#include <functional>
#include <optional>
#include <utility>

namespace convmae {
namespace {

/// The numbers of tables that are made: of 10,000 positions of a width of 800.
constexpr std::int64_t kMostMade = std::int64_t{1} << 23;

}  // namespace

HeldTensors::HeldTensors(const WeightFile& file, std::string prefix, Lacking lacking)
    : file_(file), prefix_(std::move(prefix)), lacking_(lacking) {}

void HeldTensors::operator()(const ParameterShape& needed) {
  const std::string name = prefix_ + needed.name;
  const std::string file = quote(file_.path().string());
  const Weight* const weight = file_.find(name);
  const bool fits = weight != nullptr && weight->tensor.shape == needed.shape;
  if (!fits && lacking_ == Lacking::tables && needed.name.ends_with("pos_embed")) {
    const std::optional<std::int64_t> numbers = checked_numel(needed.shape);
    if (!numbers || *numbers > kMostMade - made_) {
      throw UserError(file + " has no table " + quote(name) + " of the shape " +
                      shape_text(needed.shape) +
                      " that its model would need, which is too large to be made: give a whole "
                      "checkpoint");
    }
    made_ += *numbers;
    return;
  }
  if (weight == nullptr) {
    throw UserError(file + " lacks the tensor " + quote(name) +
                    " of its model: give a whole checkpoint");
  }
  if (!fits) refuse_shape(file_.path(), weight->name, weight->tensor.shape, needed.shape);
}

void expect_model(const WeightFile& file, const CheckpointInfo& info) {
  HeldTensors held(file, "", HeldTensors::Lacking::none);
  if (info.task.is_null()) {
    for_each_parameter(info.model, std::ref(held));
  } else {
    for_each_parameter(config_of_task(file.path(), info), std::ref(held));
  }
}

}  // namespace convmae
