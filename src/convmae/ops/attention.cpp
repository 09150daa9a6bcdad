#include "convmae/ops/attention.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/gemm.h"
#include "convmae/ops/kernels/attention.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/library_attention.h"
#include "convmae/ops/linear.h"
#include "convmae/ops/once_differentiable.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;
using attention_kernel::ConstRows;
using attention_kernel::Rows;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

attention_kernel::Kernels kernels_for(const Tensor& x) {
  // The AVX-512 kernels multiply bfloat16 numbers in float32.
  const auto newest = cpu_has_fast_bf16() ? attention_kernel::kernels_avx512_bf16
                                          : attention_kernel::kernels_avx512;
  return for_this_cpu(attention_kernel::kernels_baseline, attention_kernel::kernels_avx2,
                      attention_kernel::kernels_avx512, newest)(element_of(x));
}

/// Queries, keys and values inside the tensors that hold them: [B, tokens, parts * C].
struct Operands {
  Tensor query;      ///< [B, R, C], a view
  Tensor key_value;  ///< [B, N, 2C], a view

  /// A query and its key_value, or qkv alone.
  Operands(const Tensor& first, const std::optional<Tensor>& second) {
    if (second) {
      query = first;
      key_value = *second;
    } else {
      const std::int64_t dim = first.size(2) / 3;
      query = first.narrow(2, 0, dim);
      key_value = first.narrow(2, dim, 2 * dim);
    }
  }
  std::int64_t dim() const { return query.size(2); }
  ScoreShape shape(std::int64_t heads) const {
    return {query.size(0), heads, query.size(1), key_value.size(1)};
  }
};

/// The part of `x` [B, tokens, n] that begins at `column` of image `image`.
ConstRows rows_of(const Tensor& x, std::int64_t image, std::int64_t column) {
  const std::int64_t offset = image * x.stride(0) + column;
  return {bytes_of(x) + offset * x.element_size(), x.stride(1)};
}
Rows mutable_rows_of(const Tensor& x, std::int64_t image, std::int64_t column) {
  const std::int64_t offset = image * x.stride(0) + column;
  return {mutable_bytes_of(x) + offset * x.element_size(), x.stride(1)};
}

/// Part `index` of `parts` equal ones of a contiguous tensor, which may be undefined.
const std::byte* part_of(const Tensor& x, std::int64_t index, std::int64_t parts) {
  if (!x.defined()) return nullptr;
  return bytes_of(x) + index * (x.numel() / parts) * x.element_size();
}
std::byte* mutable_part_of(const Tensor& x, std::int64_t index, std::int64_t parts) {
  if (!x.defined()) return nullptr;
  return mutable_bytes_of(x) + index * (x.numel() / parts) * x.element_size();
}

/// What is added to the scores: tokens that may be seen, and a bias. All is contiguous, the bias in
/// the accumulation type.
struct Added {
  std::optional<Tensor> visible;
  ScoreBias bias;

  /// Writes down the part of one head of one image.
  void describe(attention_kernel::Head& head, std::int64_t image, std::int64_t number,
                const ScoreShape& shape) const {
    if (visible) head.visible = visible->const_data_ptr<bool>() + image * head.keys;
    if (bias.empty()) return;
    const auto places = [&](const Tensor& x) {
      return reinterpret_cast<const std::int64_t*>(part_of(x, image, shape.images));
    };
    const std::int64_t index = image * shape.heads + number;
    const BiasGrid grid = bias.grid();
    head.bias = {.height = grid.height,
                 .width = grid.width,
                 .table = part_of(bias.table, number, shape.heads),
                 .rows = part_of(bias.rows, index, shape.images * shape.heads),
                 .columns = part_of(bias.columns, index, shape.images * shape.heads),
                 .query_places = places(bias.places_of_queries()),
                 .key_places = places(bias.key_places)};
  }
};

/// Calls work(head, image, number of the head, scratch) for every head of every image. A head is
/// always one thread's, so that the number of threads changes no bit.
template <typename Work>
void for_each_head(const Operands& operands, const Added& added, std::int64_t heads,
                   const attention_kernel::Kernels& kernels, Work&& work) {
  const ScoreShape shape = operands.shape(heads);
  const std::int64_t dim = operands.dim() / heads;
  const auto head_at = [&](std::int64_t image, std::int64_t number) {
    attention_kernel::Head head;
    head.queries = shape.queries;
    head.keys = shape.keys;
    head.dim = dim;
    head.query = rows_of(operands.query, image, number * dim);
    head.key = rows_of(operands.key_value, image, number * dim);
    head.value = rows_of(operands.key_value, image, operands.dim() + number * dim);
    added.describe(head, image, number, shape);
    return head;
  };
  const std::int64_t scratch_bytes = kernels.scratch_bytes(head_at(0, 0));
  at::parallel_for(0, shape.images * heads, 1, [&](std::int64_t begin, std::int64_t end) {
    const Tensor scratch = at::empty({scratch_bytes}, at::kByte);  // aligned to 64 bytes
    for (std::int64_t i = begin; i < end; ++i) {
      work(head_at(i / heads, i % heads), i / heads, i % heads, scratch.mutable_data_ptr());
    }
  });
}

std::optional<Tensor> optional(const Tensor& x) {
  return x.defined() ? std::optional(x) : std::nullopt;
}

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  /// weight [out, C], operand the same in the type of the queries, bias [out]; see Operands for
  /// `first` and `second`, ScoreBias for `table`, `rows`, `columns` and the places. All are
  /// contiguous, the biases of scores in the accumulation type. What may be absent comes last: only
  /// tensors that are there have a number for needs_input_grad().
  static Tensor forward(AutogradContext* context, const Tensor& first, const Tensor& weight,
                        const Tensor& operand, const Tensor& bias,
                        const std::optional<Tensor>& table, const std::optional<Tensor>& rows,
                        const std::optional<Tensor>& columns, const std::optional<Tensor>& second,
                        const std::optional<Tensor>& visible,
                        const std::optional<Tensor>& key_places,
                        const std::optional<Tensor>& query_places, std::int64_t heads,
                        GemmPolicy gemm) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const Operands operands(first, second);
    const Added added{visible,
                      {.table = table.value_or(Tensor()),
                       .rows = rows.value_or(Tensor()),
                       .columns = columns.value_or(Tensor()),
                       .key_places = key_places.value_or(Tensor()),
                       .query_places = query_places.value_or(Tensor())}};
    const Tensor& query = operands.query;
    const Tensor out = at::empty({query.size(0), query.size(1), operands.dim()}, query.options());
    const Tensor log_sum = at::empty({query.size(0), heads, query.size(1)},
                                     query.options().dtype(accumulation_type(query)));
    const auto kernels = kernels_for(query);
    for_each_head(operands, added, heads, kernels,
                  [&](const attention_kernel::Head& head, std::int64_t image, std::int64_t number,
                      void* scratch) {
                    kernels.forward(head,
                                    {mutable_rows_of(out, image, number * head.dim),
                                     mutable_rows_of(log_sum, image, number * head.queries).data},
                                    scratch);
                  });
    context->save_for_backward({first, operand, log_sum, second.value_or(Tensor()),
                                visible.value_or(Tensor()), added.bias.table, added.bias.rows,
                                added.bias.columns, added.bias.key_places,
                                added.bias.query_places});
    context->saved_data["heads"] = heads;
    context->saved_data["weight_type"] = weight.scalar_type();
    context->saved_data["gemm"] = gemm.number();
    return linear_forward(out.flatten(0, 1), operand, bias, gemm)
        .view({query.size(0), query.size(1), operand.size(0)});
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    refuse_second_derivative("attention");
    const auto saved = context->get_saved_variables();
    const Tensor& first = saved[0];
    const Tensor& operand = saved[1];
    const Tensor& log_sum = saved[2];
    const std::optional<Tensor> second = optional(saved[3]);
    const Added added{optional(saved[4]),
                      {.table = saved[5],
                       .rows = saved[6],
                       .columns = saved[7],
                       .key_places = saved[8],
                       .query_places = saved[9]}};
    const at::ScalarType weight_type = context->saved_data["weight_type"].toScalarType();
    const GemmPolicy gemm = GemmPolicy::of_number(context->saved_data["gemm"].toInt());
    const Operands operands(first, second);
    const Tensor grad = grads[0].contiguous().flatten(0, 1);
    const Tensor grad_out = input_gradient(grad, operand, gemm).view(operands.query.sizes());
    const Tensor out = at::empty_like(grad_out);
    const std::int64_t heads = context->saved_data["heads"].toInt();
    const ScoreShape shape = operands.shape(heads);
    variable_list result(13);
    result[0] = at::empty_like(first);
    if (second) result[7] = at::empty_like(*second);
    const Operands gradients(result[0], optional(result[7]));
    std::size_t number_of_input = 4;
    const auto is_wanted = [&](const Tensor& x) {
      return x.defined() && context->needs_input_grad(number_of_input++);
    };
    // Each image's share; neither these nor their sum depend on the number of threads.
    Tensor table_grads;
    if (const Tensor& table = added.bias.table; is_wanted(table)) {
      table_grads = at::empty({shape.images, table.numel()}, table.options());
    }
    const bool rows_wanted = is_wanted(added.bias.rows);
    if (is_wanted(added.bias.columns) || rows_wanted) {
      result[5] = at::empty_like(added.bias.rows);
      result[6] = at::empty_like(added.bias.columns);
    }
    const auto kernels = kernels_for(first);
    for_each_head(operands, added, heads, kernels,
                  [&](const attention_kernel::Head& head, std::int64_t image, std::int64_t number,
                      void* scratch) {
                    const std::int64_t column = number * head.dim;
                    attention_kernel::Backward pass;
                    pass.log_sum = rows_of(log_sum, image, number * head.queries).data;
                    pass.grad_out = rows_of(grad_out, image, column);
                    pass.out = mutable_rows_of(out, image, column);
                    pass.grad_query = mutable_rows_of(gradients.query, image, column);
                    pass.grad_key = mutable_rows_of(gradients.key_value, image, column);
                    pass.grad_value =
                        mutable_rows_of(gradients.key_value, image, operands.dim() + column);
                    const std::int64_t index = image * heads + number;
                    const std::int64_t parts = shape.images * heads;
                    pass.grad_bias = {.table = mutable_part_of(table_grads, index, parts),
                                      .rows = mutable_part_of(result[5], index, parts),
                                      .columns = mutable_part_of(result[6], index, parts)};
                    kernels.backward(head, pass, scratch);
                  });
    if (table_grads.defined()) result[4] = table_grads.sum(0).view(added.bias.table.sizes());
    if (context->needs_input_grad(1)) {
      result[1] = weight_gradient(grad, out.flatten(0, 1), weight_type, gemm);
    }
    if (context->needs_input_grad(3)) {
      result[3] = bias_gradient(grad, weight_type);
    }
    return result;
  }
};

/// Gives the bias a gradient of zeros where nothing was attended to.
Tensor with_unused(Tensor out, const ScoreBias& bias) {
  for (const Tensor& x : {bias.table, bias.rows, bias.columns}) {
    if (x.defined()) out = out + x.narrow(1, 0, 0).sum().to(out.scalar_type());
  }
  return out;
}

Tensor attention(const Tensor& first, const std::optional<Tensor>& second, std::int64_t heads,
                 const Projection& projection, const std::optional<Tensor>& visible,
                 const ScoreBias& score_bias) {
  const Operands operands(first, second);
  TORCH_CHECK(operands.dim() % heads == 0, "attention: a width of ", operands.dim(),
              " cannot be split into ", heads, " heads");
  TORCH_CHECK(!visible || (visible->dim() == 2 && visible->size(0) == first.size(0) &&
                           visible->size(1) == operands.key_value.size(1) &&
                           visible->scalar_type() == at::kBool),
              "attention: visible must be bool [B, tokens]");
  if (!score_bias.empty()) check(score_bias, operands.shape(heads));
  const BiasForm form = first.is_cpu() ? BiasForm::whole : BiasForm::in_products;
  if (operands.query.numel() == 0 || operands.key_value.numel() == 0) {
    const Tensor out = library_attention(first, second, heads, visible, {}, form);
    return linear(with_unused(out, score_bias), projection.weight, projection.bias);
  }
  // Another device, half precision.
  if (!has_kernel(first)) {
    return linear(library_attention(first, second, heads, visible, score_bias, form),
                  projection.weight, projection.bias);
  }
  const Tensor operand = projection.weight.matrix_in(first.scalar_type());
  TORCH_CHECK(operand.size(1) == operands.dim(), "attention: the projection must take ",
              operands.dim(), " channels, found a weight of ", operand.sizes());
  const auto contiguous = [](const std::optional<Tensor>& x) {
    return x && x->defined() ? std::optional<Tensor>(x->contiguous()) : std::nullopt;
  };
  const auto accumulated = [&](const Tensor& x) {
    return x.defined() ? std::optional<Tensor>(x.to(accumulation_type(first)).contiguous())
                       : std::nullopt;
  };
  return AttentionFunction::apply(
      first.contiguous(), projection.weight.matrix(), operand, projection.bias,
      accumulated(score_bias.table), accumulated(score_bias.rows), accumulated(score_bias.columns),
      contiguous(second), contiguous(visible), contiguous(score_bias.key_places),
      contiguous(score_bias.query_places), heads, projection.weight.gemm);
}

}  // namespace

Tensor self_attention(const Tensor& qkv, std::int64_t heads, const Projection& projection,
                      const std::optional<Tensor>& visible, const ScoreBias& score_bias) {
  TORCH_CHECK(qkv.dim() == 3 && qkv.size(2) % 3 == 0,
              "self_attention: qkv must be [B, tokens, 3C], found ", qkv.sizes());
  return attention(qkv, std::nullopt, heads, projection, visible, score_bias);
}

Tensor cross_attention(const Tensor& query, const Tensor& key_value, std::int64_t heads,
                       const Projection& projection, const std::optional<Tensor>& visible,
                       const ScoreBias& score_bias) {
  TORCH_CHECK(query.dim() == 3 && key_value.dim() == 3 && key_value.size(0) == query.size(0) &&
                  key_value.size(2) == 2 * query.size(2),
              "cross_attention: query must be [B, R, C] and key_value [B, tokens, 2C], found ",
              query.sizes(), " and ", key_value.sizes());
  TORCH_CHECK(query.scalar_type() == key_value.scalar_type(),
              "cross_attention: query and key_value must be of one type");
  return attention(query, key_value, heads, projection, visible, score_bias);
}

}  // namespace convmae::ops
