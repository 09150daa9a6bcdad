#include "convmae/train/image_rows.h"

#include <ATen/ATen.h>

namespace convmae {

ImageRows::ImageRows(std::int64_t images) : read_(at::zeros({images}, at::kInt)) {}

at::Tensor ImageRows::of(const Batch& batch) {
  at::Tensor rows = at::tensor(batch.samples);
  read_.index_fill_(0, rows, 1);
  return rows;
}

at::Tensor ImageRows::share(const ImageReading& reading,
                            std::initializer_list<at::Tensor> tables) const {
  for (const at::Tensor& table : tables) sum_over_processes(reading, table);
  const at::Tensor read = read_.clone();
  sum_over_processes(reading, read);
  return read.nonzero().squeeze(1);
}

}  // namespace convmae
