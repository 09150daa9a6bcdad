#include "convmae/ops/kernels/attention.h"

#include "convmae/ops/stable/tensors.h"

#include <torch/csrc/stable/library.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <tuple>

namespace convmae::stable {
namespace {

attention_kernel::Kernels attention_kernels(const Tensor& x) {
  // The AVX-512 kernels multiply bfloat16 numbers in float32.
  const auto newest = cpu_has_fast_bf16() ? attention_kernel::kernels_avx512_bf16
                                          : attention_kernel::kernels_avx512;
  return for_this_cpu(attention_kernel::kernels_baseline, attention_kernel::kernels_avx2,
                      attention_kernel::kernels_avx512, newest)(element_of(x));
}

constexpr std::align_val_t kAlignment{64};

struct Free {
  void operator()(std::byte* memory) const { ::operator delete[](memory, kAlignment); }
};

/// What a thread computes a head in.
std::unique_ptr<std::byte[], Free> scratch_of(std::int64_t bytes) {
  void* const memory = ::operator new[](static_cast<std::size_t>(bytes), kAlignment);
  return std::unique_ptr<std::byte[], Free>(static_cast<std::byte*>(memory));
}

/// Contiguous queries, keys and values [B, N, 3C].
class HeadsOf {
 public:
  HeadsOf(const char* name, const Tensor& input, std::int64_t heads)
      : heads_(heads),
        qkv_(checked(name, input, heads)),
        images_(qkv_.size(0)),
        tokens_(qkv_.size(1)),
        dim_(qkv_.size(2) / 3) {}

  std::int64_t images() const { return images_; }
  std::int64_t tokens() const { return tokens_; }
  std::int64_t dim() const { return dim_; }
  const Tensor& qkv() const { return qkv_; }

  /// Where the numbers of a head begin in a tensor [B, N, parts * C], counted in numbers.
  std::int64_t offset(std::int64_t image, std::int64_t head, std::int64_t parts) const {
    return image * tokens_ * parts * dim_ + head * (dim_ / heads_);
  }

  /// Calls work(head, image, number of the head, scratch) for every head of every image.
  template <typename Work>
  void for_each(const attention_kernel::Kernels& kernels, const Work& work) const {
    if (images_ * tokens_ == 0) return;
    const std::int64_t bytes = kernels.scratch_bytes(at(0, 0));
    torch::stable::parallel_for(0, images_ * heads_, 1, [&](std::int64_t begin, std::int64_t end) {
      const auto scratch = scratch_of(bytes);
      for (std::int64_t i = begin; i < end; ++i) {
        work(at(i / heads_, i % heads_), i / heads_, i % heads_, scratch.get());
      }
    });
  }

 private:
  static Tensor checked(const char* name, const Tensor& input, std::int64_t heads) {
    check_numbers(name, input);
    check(heads >= 1 && input.dim() == 3 && input.size(2) > 0 && input.size(2) % (3 * heads) == 0,
          name, ": qkv must be [B, N, 3C] with C a multiple of ", heads, " heads, found ",
          shape_text(input));
    return torch::stable::contiguous(input);
  }

  attention_kernel::Head at(std::int64_t image, std::int64_t number) const {
    const std::byte* const begin = bytes_of(qkv_) + offset(image, number, 3) * size_of(qkv_);
    const auto part = [&](std::int64_t index) {
      return attention_kernel::ConstRows{begin + index * dim_ * size_of(qkv_), 3 * dim_};
    };
    attention_kernel::Head head;
    head.queries = tokens_;
    head.keys = tokens_;
    head.dim = dim_ / heads_;
    head.query = part(0);
    head.key = part(1);
    head.value = part(2);
    return head;
  }

  std::int64_t heads_;
  Tensor qkv_;
  std::int64_t images_;
  std::int64_t tokens_;
  std::int64_t dim_;
};

/// qkv [B, N, 3C] -> softmax(q k^T / sqrt(C / heads)) v [B, N, C], and the logarithm of the
/// softmax's denominators [B, heads, N].
std::tuple<Tensor, Tensor> attention(const Tensor& qkv, std::int64_t heads) {
  const HeadsOf all("attention", qkv, heads);
  const Tensor out = empty({all.images(), all.tokens(), all.dim()}, qkv.scalar_type());
  const Tensor log_sum = empty({all.images(), heads, all.tokens()}, accumulation_type(qkv));
  const auto kernels = attention_kernels(qkv);
  all.for_each(kernels, [&](const attention_kernel::Head& head, std::int64_t image,
                            std::int64_t number, void* scratch) {
    const std::int64_t row = (image * heads + number) * all.tokens();
    kernels.forward(
        head,
        {{mutable_bytes_of(out) + all.offset(image, number, 1) * size_of(out), all.dim()},
         mutable_bytes_of(log_sum) + row * size_of(log_sum)},
        scratch);
  });
  return {out, log_sum};
}

/// The gradient of qkv, and the result once more.
std::tuple<Tensor, Tensor> attention_backward(const Tensor& grad, const Tensor& qkv,
                                              const Tensor& log_sum, std::int64_t heads) {
  constexpr const char* kName = "attention_backward";
  const HeadsOf all(kName, qkv, heads);
  check_shape(kName, "grad", grad, {all.images(), all.tokens(), all.dim()});
  check(grad.scalar_type() == qkv.scalar_type(), kName, ": grad is of another type than qkv");
  check_shape(kName, "log_sum", log_sum, {all.images(), heads, all.tokens()});
  const Tensor grad_out = torch::stable::contiguous(grad);
  const Tensor sums = in_type(log_sum, accumulation_type(qkv));
  const Tensor out = empty_as(grad_out);
  const Tensor grad_qkv = empty_as(all.qkv());
  const auto kernels = attention_kernels(qkv);
  all.for_each(kernels, [&](const attention_kernel::Head& head, std::int64_t image,
                            std::int64_t number, void* scratch) {
    const std::int64_t of_out = all.offset(image, number, 1) * size_of(out);
    const std::int64_t row = (image * heads + number) * all.tokens();
    std::byte* const begin =
        mutable_bytes_of(grad_qkv) + all.offset(image, number, 3) * size_of(out);
    const auto part = [&](std::int64_t index) {
      return attention_kernel::Rows{begin + index * all.dim() * size_of(out), 3 * all.dim()};
    };
    attention_kernel::Backward pass;
    pass.log_sum = bytes_of(sums) + row * size_of(sums);
    pass.grad_out = {bytes_of(grad_out) + of_out, all.dim()};
    pass.out = {mutable_bytes_of(out) + of_out, all.dim()};
    pass.grad_query = part(0);
    pass.grad_key = part(1);
    pass.grad_value = part(2);
    kernels.backward(head, pass, scratch);
  });
  return {grad_qkv, out};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(convmae, library) {
  library.def("attention(Tensor qkv, int heads) -> (Tensor, Tensor)");
  library.def(
      "attention_backward(Tensor grad, Tensor qkv, Tensor log_sum, int heads) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(convmae, CPU, library) {
  library.impl("attention", TORCH_BOX(&attention));
  library.impl("attention_backward", TORCH_BOX(&attention_backward));
}

}  // namespace convmae::stable
