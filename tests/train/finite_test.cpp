#include "convmae/train/finite.h"

#include "convmae/base/error.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include "support/batch_of.h"
#include <cmath>
#include <limits>

namespace convmae {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

/// Images that have names alone.
class Names : public ImageSource {
 public:
  std::int64_t size() const override { return 4; }
  std::string name(std::int64_t index) const override { return "image" + std::to_string(index); }
  std::int64_t label(std::int64_t) const override { return kNoLabel; }
  const std::vector<std::string>& classes() const override { return classes_; }
  void read(std::int64_t, std::vector<std::uint8_t>&) const override {}
  SourceAccount account() const override { return {}; }

 private:
  std::vector<std::string> classes_;
};

at::Tensor with(double value, std::int64_t row) {
  at::Tensor results = at::zeros({2, 3, 2});
  results[row][1][1] = value;
  return results;
}

TEST(Finite, ResultsThatAreNoNumbersAreCountedAndTheFirstIsNamed) {
  const torch::nn::LinearImpl model(2, 2);
  NotNumbers found;
  found.check(at::zeros({2, 3, 2}), batch_of({0, 1}), Names());
  EXPECT_NO_THROW(found.require_none("it", model));
  found.check(with(std::numeric_limits<double>::quiet_NaN(), 1), batch_of({2, 3}), Names());
  found.check(with(-std::numeric_limits<double>::infinity(), 0), batch_of({0, 1}), Names());
  EXPECT_THAT([&] { found.require_none("it", model); },
              ThrowsMessage<UserError>(
                  AllOf(HasSubstr("it gives NaN or infinity for 2 of 6 images"),
                        HasSubstr("the first is 'image3'"), HasSubstr("weights are finite"))));
}

TEST(Finite, TheWeightThatIsNoNumberIsNamed) {
  const torch::nn::LinearImpl model(2, 2);
  EXPECT_TRUE(has_finite_weights(model));
  EXPECT_NO_THROW(require_finite_weights(model, "file"));
  const at::NoGradGuard no_grad;
  model.named_parameters()["bias"].fill_(std::numeric_limits<double>::infinity());
  EXPECT_FALSE(has_finite_weights(model));
  EXPECT_THAT([&] { require_finite_weights(model, "file"); },
              ThrowsMessage<UserError>(HasSubstr("'bias' of 'file'")));
  EXPECT_THAT([&] { require_numbers(at::full({1}, std::nan("")), "it", model); },
              ThrowsMessage<UserError>(
                  AllOf(HasSubstr("its weight 'bias'"), Not(HasSubstr("weights are finite")))));
  EXPECT_NO_THROW(require_numbers(at::ones({1}), "it", model));
}

}  // namespace
}  // namespace convmae
