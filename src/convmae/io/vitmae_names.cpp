#include "convmae/io/vitmae_names.h"

#include <algorithm>
#include <array>

namespace convmae {
namespace {

struct Pair {
  std::string_view published;
  std::string_view vitmae;
};

constexpr std::string_view kVit = "vit.";
constexpr std::string_view kPatches = "embeddings.patch_embeddings.projection.weight";
/// What the names of the encoder begin with.
constexpr std::array<std::string_view, 4> kEncoder{"embeddings.", "encoder.", "layers.",
                                                   "layernorm."};

constexpr std::array kTensors{
    Pair{"cls_token", "vit.embeddings.cls_token"},
    Pair{"pos_embed", "vit.embeddings.position_embeddings"},
    Pair{"patch_embed.proj.weight", "vit.embeddings.patch_embeddings.projection.weight"},
    Pair{"patch_embed.proj.bias", "vit.embeddings.patch_embeddings.projection.bias"},
    Pair{"norm.weight", "vit.layernorm.weight"},
    Pair{"norm.bias", "vit.layernorm.bias"},
    Pair{"mask_token", "decoder.mask_token"},
    Pair{"decoder_pos_embed", "decoder.decoder_pos_embed"},
    Pair{"decoder_embed.weight", "decoder.decoder_embed.weight"},
    Pair{"decoder_embed.bias", "decoder.decoder_embed.bias"},
    Pair{"decoder_norm.weight", "decoder.decoder_norm.weight"},
    Pair{"decoder_norm.bias", "decoder.decoder_norm.bias"},
    Pair{"decoder_pred.weight", "decoder.decoder_pred.weight"},
    Pair{"decoder_pred.bias", "decoder.decoder_pred.bias"},
};

/// What stands before the numbers of blocks; the hub's come first.
constexpr std::array kLists{
    Pair{"blocks.", "vit.encoder.layer."},
    Pair{"decoder_blocks.", "decoder.decoder_layers."},
    Pair{"blocks.", "vit.layers."},
    Pair{"decoder_blocks.", "decoder.decoder_encoder.layer."},
};

/// What stands behind them; the hub's come first.
struct Member {
  std::string_view published;
  std::string_view vitmae;
  std::optional<std::size_t> part = {};
};
constexpr std::array kMembers{
    Member{"norm1", "layernorm_before"},
    Member{"attn.qkv", "attention.attention.query", 0},
    Member{"attn.qkv", "attention.attention.key", 1},
    Member{"attn.qkv", "attention.attention.value", 2},
    Member{"attn.proj", "attention.output.dense"},
    Member{"norm2", "layernorm_after"},
    Member{"mlp.fc1", "intermediate.dense"},
    Member{"mlp.fc2", "output.dense"},
    Member{"attn.qkv", "attention.q_proj", 0},
    Member{"attn.qkv", "attention.k_proj", 1},
    Member{"attn.qkv", "attention.v_proj", 2},
    Member{"attn.proj", "attention.o_proj"},
    Member{"mlp.fc1", "mlp.fc1"},
    Member{"mlp.fc2", "mlp.fc2"},
};

/// A name of a block's tensor, taken apart: what stands before its number, number, member, and
/// ".weight" or ".bias".
struct BlockName {
  Pair list;
  std::string_view number;
  std::string_view member;
  std::string_view kind;
};

/// Nothing for a name that does not begin with `side` of a list.
std::optional<BlockName> block_name(std::string_view name, std::string_view Pair::*side) {
  const auto* const list = std::ranges::find_if(
      kLists, [&](const Pair& candidate) { return name.starts_with(candidate.*side); });
  if (list == kLists.end()) return std::nullopt;
  name.remove_prefix(((*list).*side).size());
  const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  const std::size_t kind = name.rfind('.');
  if (digits == 0 || kind == std::string_view::npos || kind <= digits || name[digits] != '.') {
    return std::nullopt;
  }
  const BlockName result{*list, name.substr(0, digits), name.substr(digits + 1, kind - digits - 1),
                         name.substr(kind)};
  if (result.kind != ".weight" && result.kind != ".bias") return std::nullopt;
  return result;
}

std::string joined(std::initializer_list<std::string_view> texts) {
  std::string result;
  for (const std::string_view text : texts) result += text;
  return result;
}

std::optional<PublishedPlace> published_place(std::string_view vitmae) {
  const auto* const tensor = std::ranges::find(kTensors, vitmae, &Pair::vitmae);
  if (tensor != kTensors.end()) return PublishedPlace{std::string(tensor->published)};
  const std::optional<BlockName> block = block_name(vitmae, &Pair::vitmae);
  if (!block) return std::nullopt;
  const auto* const member = std::ranges::find(kMembers, block->member, &Member::vitmae);
  if (member == kMembers.end()) return std::nullopt;
  return PublishedPlace{
      joined({block->list.published, block->number, ".", member->published, block->kind}),
      member->part};
}

}  // namespace

VitmaeNames::VitmaeNames(std::string_view encoder) : encoder_(encoder), outer_(encoder) {
  const bool whole = encoder == kVit || encoder.ends_with(".vit.");
  if (whole) outer_.erase(encoder.size() - kVit.size());
}

std::optional<VitmaeNames> VitmaeNames::among(std::span<const std::string_view> names) {
  const auto found = std::ranges::find_if(names, [](std::string_view name) {
    if (!name.ends_with(kPatches)) return false;
    const std::string_view before = name.substr(0, name.size() - kPatches.size());
    return before.empty() || before.ends_with('.');
  });
  if (found == names.end()) return std::nullopt;
  const std::string_view encoder = found->substr(0, found->size() - kPatches.size());
  const VitmaeNames vitmae(encoder);
  // Other transformers of images begin alike.
  const bool all_known = std::ranges::all_of(names, [&](std::string_view name) {
    if (!name.starts_with(encoder)) return true;
    const std::string_view rest = name.substr(encoder.size());
    return std::ranges::none_of(kEncoder, [&](auto start) { return rest.starts_with(start); }) ||
           vitmae.place_of(name).has_value();
  });
  return all_known ? std::optional(vitmae) : std::nullopt;
}

std::string VitmaeNames::whole_name(std::string_view name) const {
  if (name.starts_with(encoder_)) {
    const std::string_view rest = name.substr(encoder_.size());
    const bool inside = std::ranges::any_of(
        kEncoder, [&](std::string_view start) { return rest.starts_with(start); });
    if (inside) return joined({kVit, rest});
  }
  return name.starts_with(outer_) ? std::string(name.substr(outer_.size())) : "";
}

std::optional<PublishedPlace> VitmaeNames::place_of(std::string_view name) const {
  std::optional<PublishedPlace> place = published_place(whole_name(name));
  if (place) place->name.insert(0, outer_);
  return place;
}

std::vector<std::string> vitmae_names(std::string_view published) {
  const auto* const tensor = std::ranges::find(kTensors, published, &Pair::published);
  if (tensor != kTensors.end()) return {std::string(tensor->vitmae)};
  const std::optional<BlockName> block = block_name(published, &Pair::published);
  if (!block) return {};
  std::vector<std::string> names;
  for (const Member& member : kMembers) {
    if (member.published != block->member) continue;
    names.push_back(joined({block->list.vitmae, block->number, ".", member.vitmae, block->kind}));
    // In memory they have other names, which come behind all of the hub's.
    if (!member.part || names.size() == kVitmaeParts) break;
  }
  return names;
}

}  // namespace convmae
