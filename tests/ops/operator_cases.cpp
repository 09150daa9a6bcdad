#include "ops/operator_cases.h"

#include "convmae/ops/attention.h"
#include "convmae/ops/linear.h"
#include "convmae/ops/masked_depthwise_conv2d.h"
#include "convmae/ops/mlp.h"
#include "convmae/ops/roi_align.h"

#include <torch/utils.h>

#include "support/dense_map.h"
#include <random>

namespace convmae {
namespace {

using Tensors = OperatorCase::Tensors;
using Compute = decltype(OperatorCase::compute);

at::Tensor drawn(at::IntArrayRef shape) {
  return torch::randn(shape, torch::kDouble).to(torch::kBFloat16).to(torch::kDouble);
}

void add_linear(std::vector<OperatorCase>& all) {
  all.push_back({"linear",
                 {drawn({2, 5, 6})},
                 {drawn({8, 6}), drawn({8})},
                 {},
                 [](const Tensors& x, const Tensors& p, const Tensors&) {
                   return ops::linear(x[0], p[0], p[1]);
                 }});
  all.push_back({"linear without bias",
                 {drawn({7, 6})},
                 {drawn({8, 6, 1, 1})},
                 {},
                 [](const Tensors& x, const Tensors& p, const Tensors&) {
                   return ops::linear(x[0], p[0], std::nullopt);
                 }});
  all.push_back({"linear of a norm",
                 {drawn({2, 5, 6})},
                 {drawn({8, 6}), drawn({8}), drawn({6}), drawn({6})},
                 {},
                 [](const Tensors& x, const Tensors& p, const Tensors&) {
                   return ops::linear(x[0], p[0], p[1], ops::Norm{p[2], p[3], 1e-5});
                 }});
}

void add_mlp(std::vector<OperatorCase>& all) {
  const Tensors weights{drawn({16, 6}), drawn({16}), drawn({6, 16}), drawn({6})};
  all.push_back({"mlp",
                 {drawn({3, 4, 6})},
                 weights,
                 {},
                 [](const Tensors& x, const Tensors& p, const Tensors&) {
                   return ops::mlp(x[0], p[0], p[1], p[2], p[3]);
                 }});
  Tensors with_norm = weights;
  with_norm.insert(with_norm.end(), {drawn({6}), drawn({6})});
  all.push_back({"mlp of a norm",
                 {drawn({3, 4, 6})},
                 with_norm,
                 {},
                 [](const Tensors& x, const Tensors& p, const Tensors&) {
                   return ops::mlp(x[0], p[0], p[1], p[2], p[3], ops::Norm{p[4], p[5], 1e-6});
                 }});
  all.push_back(
      {"gelu", {drawn({5, 7})}, {}, {}, [](const Tensors& x, const Tensors&, const Tensors&) {
         return ops::gelu(x[0]);
       }});
  all.push_back({"layer_norm",
                 {drawn({4, 5, 33})},
                 {drawn({33}), drawn({33})},
                 {},
                 [](const Tensors& x, const Tensors& p, const Tensors&) {
                   return ops::layer_norm(x[0], {p[0], p[1], 1e-6});
                 }});
}

void add_depthwise(std::vector<OperatorCase>& all) {
  std::mt19937 random(5);
  const auto add = [&](int64_t visible, int64_t channels, int64_t kernel,
                       const std::vector<int64_t>& nesting) {
    int64_t side = 1;
    for (const int64_t n : nesting) side *= n;
    const at::Tensor kept = dense::random_kept(2, 12, visible, random);
    all.push_back({"masked_depthwise_conv2d " + std::to_string(kernel) + " of " +
                       std::to_string(visible) + " blocks",
                   {drawn({2, visible, side * side, channels})},
                   {drawn({channels, 1, kernel, kernel}), drawn({channels})},
                   {kept, dense::slot_of(kept, 3, 4)},
                   [nesting](const Tensors& x, const Tensors& p, const Tensors& places) {
                     return ops::masked_depthwise_conv2d(x[0], p[0], p[1], places[0], places[1],
                                                         nesting);
                   }});
  };
  for (int64_t kernel = 1; kernel <= 15; kernel += 2) add(7, 3, kernel, {3, 1});
  for (const int64_t visible : {0, 1, 12}) {
    add(visible, 6, 5, {2});
    add(visible, 6, 5, {2, 2});
    add(visible, 5, 7, {1});
  }
}

/// Attention of 2 heads with 8 channels, which a GPU's kernels take, in 2 images of 2 x 3 places.
void add_attention(std::vector<OperatorCase>& all) {
  const Tensors projection{drawn({16, 16}), drawn({16})};
  const at::Tensor visible = torch::tensor({1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1}, torch::kLong)
                                 .view({2, 6})
                                 .to(torch::kBool);
  const auto add = [&](const std::string& name, const Tensors& biases, const Tensors& places,
                       const Compute& compute) {
    Tensors activations{drawn({2, 6, 48})};
    activations.insert(activations.end(), biases.begin(), biases.end());
    all.push_back({name, activations, projection, places, compute});
  };
  add("self_attention", {}, {}, [](const Tensors& x, const Tensors& p, const Tensors&) {
    return ops::self_attention(x[0], 2, {p[0], p[1]});
  });
  add("self_attention of some", {}, {visible},
      [](const Tensors& x, const Tensors& p, const Tensors& places) {
        return ops::self_attention(x[0], 2, {p[0], p[1]}, places[0]);
      });
  add("self_attention with a table", {drawn({2, 3, 5})}, {visible},
      [](const Tensors& x, const Tensors& p, const Tensors& places) {
        return ops::self_attention(x[0], 2, {p[0], p[1]}, places[0], {.table = x[1]});
      });
  add("self_attention with rows and columns", {drawn({2, 2, 6, 2}), drawn({2, 2, 6, 3})}, {},
      [](const Tensors& x, const Tensors& p, const Tensors&) {
        return ops::self_attention(x[0], 2, {p[0], p[1]}, std::nullopt,
                                   {.rows = x[1], .columns = x[2]});
      });
  const at::Tensor key_places = torch::tensor({5, 0, 3, 2, 1, 4, 0, 1, 4, 5, 2, 3}).view({2, 6});
  add("self_attention with all biases and places",
      {drawn({2, 3, 5}), drawn({2, 2, 6, 2}), drawn({2, 2, 6, 3})}, {visible, key_places},
      [](const Tensors& x, const Tensors& p, const Tensors& places) {
        return ops::self_attention(
            x[0], 2, {p[0], p[1]}, places[0],
            {.table = x[1], .rows = x[2], .columns = x[3], .key_places = places[1]});
      });
  all.push_back({"cross_attention",
                 {drawn({2, 3, 16}), drawn({2, 6, 32})},
                 projection,
                 {visible},
                 [](const Tensors& x, const Tensors& p, const Tensors& places) {
                   return ops::cross_attention(x[0], x[1], 2, {p[0], p[1]}, places[0]);
                 }});
}

void add_roi_align(std::vector<OperatorCase>& all) {
  // Inside, across an edge, outside and empty.
  const at::Tensor boxes = torch::tensor({1.5F, 0.5F, 9.25F, 6.75F, -3.0F, -2.5F, 6.0F, 5.0F, 90.0F,
                                          90.0F, 99.0F, 99.0F, 2.0F, 2.0F, 2.0F, 2.0F})
                               .view({4, 4});
  const at::Tensor images = torch::tensor({0, 1, 1, 0}, torch::kLong);
  for (const int64_t ratio : {0, 2}) {
    all.push_back({"roi_align " + std::to_string(ratio),
                   {drawn({2, 3, 5, 7})},
                   {},
                   {boxes, images},
                   [ratio](const Tensors& x, const Tensors&, const Tensors& places) {
                     return ops::roi_align(x[0], places[0], places[1], {0.5, 3, 2, ratio, true});
                   }});
  }
}

Tensors at_place(const Tensors& values, at::Device device) {
  Tensors there;
  there.reserve(values.size());
  for (const at::Tensor& x : values) there.push_back(x.to(device));
  return there;
}

Tensors leaves_of(const Tensors& values, at::Device device, at::ScalarType type) {
  Tensors leaves;
  leaves.reserve(values.size());
  for (const at::Tensor& x : values) leaves.push_back(x.to(device, type).detach().requires_grad_());
  return leaves;
}

at::ScalarType parameter_type(at::ScalarType type) {
  return type == torch::kBFloat16 ? torch::kFloat : type;
}

}  // namespace

std::vector<OperatorCase> operator_cases() {
  torch::manual_seed(11);
  std::vector<OperatorCase> all;
  add_linear(all);
  add_mlp(all);
  add_depthwise(all);
  add_attention(all);
  add_roi_align(all);
  return all;
}

std::vector<at::Tensor> result_and_gradients(const OperatorCase& c, at::Device device,
                                             at::ScalarType type) {
  const Tensors x = leaves_of(c.activations, device, type);
  const Tensors p = leaves_of(c.parameters, device, parameter_type(type));
  const at::Tensor result = c.compute(x, p, at_place(c.places, device));
  torch::manual_seed(12);
  result.backward(drawn(result.sizes()).to(device, type));
  Tensors all{result.detach()};
  for (const Tensors& leaves : {x, p}) {
    for (const at::Tensor& leaf : leaves) all.push_back(leaf.grad());
  }
  return all;
}

at::Tensor result_alone(const OperatorCase& c, at::Device device, at::ScalarType type) {
  const at::NoGradGuard no_grad;
  return c.compute(leaves_of(c.activations, device, type),
                   leaves_of(c.parameters, device, parameter_type(type)),
                   at_place(c.places, device));
}

}  // namespace convmae
