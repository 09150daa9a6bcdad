#include "convmae/io/vitmae_names.h"

#include "convmae/base/error.h"
#include "convmae/io/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_files.h"
#include <algorithm>
#include <numeric>

namespace convmae {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

constexpr std::string_view kPatches = "vit.embeddings.patch_embeddings.projection.weight";
const std::string kAttention = "vit.encoder.layer.0.attention.attention.";

/// "blocks.0.attn.qkv.bias/1", or nothing.
std::string place(std::string_view name, std::string_view patches = kPatches) {
  const std::vector<std::string_view> names{patches, name};
  const std::optional<VitmaeNames> vitmae = VitmaeNames::among(names);
  const std::optional<PublishedPlace> found = vitmae ? vitmae->place_of(name) : std::nullopt;
  if (!found) return "";
  return found->name + (found->part ? "/" + std::to_string(*found->part) : "");
}

TEST(VitmaeNamesTest, AllOfMaeHasNamesOfTheHubAndComesBack) {
  for (const char* const name : {"cls_token",
                                 "pos_embed",
                                 "patch_embed.proj.weight",
                                 "patch_embed.proj.bias",
                                 "norm.weight",
                                 "norm.bias",
                                 "mask_token",
                                 "decoder_pos_embed",
                                 "decoder_embed.weight",
                                 "decoder_embed.bias",
                                 "decoder_norm.weight",
                                 "decoder_norm.bias",
                                 "decoder_pred.weight",
                                 "decoder_pred.bias",
                                 "blocks.0.norm1.weight",
                                 "blocks.11.norm1.bias",
                                 "blocks.3.attn.proj.weight",
                                 "blocks.3.norm2.bias",
                                 "blocks.3.mlp.fc1.weight",
                                 "blocks.3.mlp.fc2.bias",
                                 "decoder_blocks.7.norm1.weight",
                                 "decoder_blocks.7.mlp.fc2.weight"}) {
    const std::vector<std::string> hub = vitmae_names(name);
    ASSERT_EQ(hub.size(), 1U) << name;
    EXPECT_EQ(place(hub[0]), name);
  }
  EXPECT_THAT(vitmae_names("blocks.2.attn.qkv.bias"),
              ElementsAre("vit.encoder.layer.2.attention.attention.query.bias",
                          "vit.encoder.layer.2.attention.attention.key.bias",
                          "vit.encoder.layer.2.attention.attention.value.bias"));
  EXPECT_THAT(vitmae_names("decoder_blocks.1.mlp.fc1.weight"),
              ElementsAre("decoder.decoder_layers.1.intermediate.dense.weight"));
  for (const char* const other : {"head.weight", "blocks.0.gamma_1", "blocks.x.norm1.weight",
                                  "blocks.0.", "blocks.0", "blocks.", "patch_embed1.proj.weight"}) {
    EXPECT_THAT(vitmae_names(other), IsEmpty()) << other;
  }
}

TEST(VitmaeNamesTest, TransformersInMemoryAndItsFilesNameTheSameTensors) {
  const std::string hub = "vit.encoder.layer.4.";
  const std::string memory = "vit.layers.4.";
  EXPECT_EQ(place(hub + "attention.attention.key.weight"), "blocks.4.attn.qkv.weight/1");
  EXPECT_EQ(place(memory + "attention.q_proj.weight"), "blocks.4.attn.qkv.weight/0");
  EXPECT_EQ(place(memory + "attention.v_proj.bias"), "blocks.4.attn.qkv.bias/2");
  EXPECT_EQ(place(memory + "attention.o_proj.bias"), "blocks.4.attn.proj.bias");
  EXPECT_EQ(place(memory + "mlp.fc1.weight"), "blocks.4.mlp.fc1.weight");
  EXPECT_EQ(place("decoder.decoder_layers.4.attention.k_proj.bias"),
            "decoder_blocks.4.attn.qkv.bias/1");
  EXPECT_EQ(place("decoder.decoder_encoder.layer.4.output.dense.bias"),
            "decoder_blocks.4.mlp.fc2.bias");
}

TEST(VitmaeNamesTest, TheModelMayStandAloneOrInAnother) {
  const std::string alone = "embeddings.patch_embeddings.projection.weight";
  EXPECT_EQ(place("encoder.layer.0.layernorm_before.bias", alone), "blocks.0.norm1.bias");
  EXPECT_EQ(place("layers.0.attention.q_proj.bias", alone), "blocks.0.attn.qkv.bias/0");
  EXPECT_EQ(place("layernorm.bias", alone), "norm.bias");
  EXPECT_EQ(place("backbone.vit.layernorm.bias", "backbone.vit." + alone), "backbone.norm.bias");
  EXPECT_EQ(place("backbone.decoder.mask_token", "backbone.vit." + alone), "backbone.mask_token");
}

TEST(VitmaeNamesTest, OthersAreLeftAlone) {
  EXPECT_EQ(place("classifier.weight"), "");
  EXPECT_EQ(place("vit.pooler.dense.weight"), "");
  // Of DINOv2, whose blocks have more in them.
  EXPECT_EQ(place("embeddings.cls_token"), "");
  const std::vector<std::string_view> dino{"embeddings.patch_embeddings.projection.weight",
                                           "embeddings.cls_token",
                                           "encoder.layer.0.layer_scale1.lambda1"};
  EXPECT_FALSE(VitmaeNames::among(dino).has_value());
  EXPECT_FALSE(VitmaeNames::among({}).has_value());
}

/// A file with a query, a key and a value.
class VitmaeFile : public ::testing::Test {
 protected:
  struct Part {
    std::string name;
    std::vector<std::int64_t> shape = {2, 3};
    DType dtype = DType::f32;
  };

  WeightFile open(const std::vector<Part>& parts, WeightNames names = WeightNames::published) {
    std::vector<TensorView> tensors{{std::string(kPatches), DType::f32, {1}, data_.subspan(0, 4)}};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      TensorView view{kAttention + parts[i].name, parts[i].dtype, parts[i].shape, {}};
      const auto bytes = static_cast<std::size_t>(view.numel() * size_of(view.dtype));
      view.data = data_.subspan(24 * i, bytes);
      tensors.push_back(view);
    }
    write_safetensors(path_, tensors, {});
    return WeightFile(path_, names);
  }

  static std::vector<std::byte> counted(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i);
    return bytes;
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "model.safetensors";
  std::vector<std::byte> bytes_ = counted(128);
  std::span<const std::byte> data_ = bytes_;
};

TEST_F(VitmaeFile, HasQueryKeyAndValueAsOneWeight) {
  const WeightFile file = open({{"query.weight"}, {"key.weight"}, {"value.weight"}});
  EXPECT_TRUE(file.is_vitmae());
  const Weight* const qkv = file.find("blocks.0.attn.qkv.weight");
  ASSERT_NE(qkv, nullptr);
  EXPECT_THAT(qkv->tensor.shape, ElementsAre(6, 3));
  std::vector<std::byte> read(72);
  file.read(*qkv, read);
  EXPECT_EQ(read, counted(72));
}

TEST_F(VitmaeFile, KeepsItsOwnNamesWhereTheyAreAskedFor) {
  const WeightFile file = open({{"query.weight"}}, WeightNames::stored);
  EXPECT_FALSE(file.is_vitmae());
  EXPECT_NE(file.find(kAttention + "query.weight"), nullptr);
}

TEST_F(VitmaeFile, IsRefusedWithoutOneOfTheThree) {
  EXPECT_THAT(
      [&] {
        open({{"query.weight"}, {"value.weight"}});
      },
      ThrowsMessage<UserError>(HasSubstr("lacks the key that belongs to '" + kAttention)));
}

TEST_F(VitmaeFile, IsRefusedWhereTheThreeDiffer) {
  const auto refuses = [&](const Part& key) {
    EXPECT_THAT(
        [&] {
          open({{"query.weight"}, key, {"value.weight"}});
        },
        ThrowsMessage<UserError>(HasSubstr("do not belong together")));
  };
  refuses({"key.weight", {3, 2}});
  refuses({"key.weight", {2, 3}, DType::f16});
  EXPECT_THAT(
      [&] {
        open({{"query.weight", {}}, {"key.weight", {}}, {"value.weight", {}}});
      },
      ThrowsMessage<UserError>(HasSubstr("do not belong together")));
}

}  // namespace
}  // namespace convmae
