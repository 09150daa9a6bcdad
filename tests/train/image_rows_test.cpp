#include "convmae/train/image_rows.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/batch_of.h"
#include "support/processes.h"

namespace convmae {
namespace {

using testing::Each;

TEST(ImageRows, OfWhatOneProcessHasRead) {
  ImageRows rows(5);
  const at::Tensor table = at::zeros({5, 2});
  table.index_fill_(0, rows.of(batch_of({3, 1})), 7);
  EXPECT_TRUE(at::equal(rows.share({}, {table}), at::tensor({1, 3}, at::kLong)));
  EXPECT_EQ(table.sum().item<double>(), 28);
}

TEST(ImageRows, EveryProcessHasThoseOfAll) {
  const auto work = [](ProcessGroup& group) {
    ImageRows rows(6);
    const at::Tensor table = at::zeros({6}, at::kLong);
    // The last process has none, and nobody has read image 4.
    if (group.rank() == 0) table.index_fill_(0, rows.of(batch_of({5, 0})), 10);
    if (group.rank() == 1) table.index_fill_(0, rows.of(batch_of({1, 2, 3})), 20);
    ImageReading reading;
    reading.group = &group;
    const at::Tensor read = rows.share(reading, {table});
    return at::equal(read, at::tensor({0, 1, 2, 3, 5}, at::kLong)) &&
           at::equal(table, at::tensor({10, 20, 20, 20, 0, 10}, at::kLong));
  };
  EXPECT_THAT(run_processes(3, work), Each(0));
}

}  // namespace
}  // namespace convmae
