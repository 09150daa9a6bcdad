#include "convmae/model/model_names.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

namespace convmae {
namespace {

using Methods = std::vector<Method>;

/// The words of a name, in lower case.
std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words(1);
  for (const char c : name) {
    if (c == '_' || c == '-' || c == '.') {
      words.emplace_back();
    } else {
      words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return words;
}

[[noreturn]] void throw_unknown(const std::string& name) {
  std::string known;
  for (const std::string& preset : model_preset_names()) known += preset + ", ";
  throw UserError("no model is named " + quote(name) + ": choose " + known +
                  "or a published name such as convmae_convvit_base_patch16 or "
                  "mae_vit_large_patch16");
}

std::optional<Methods> methods_of(std::string_view word) {
  if (word == "convmae" || word == "mcmae") return Methods{Method::convmae};
  if (word == "fastconvmae" || word == "fastmcmae") return Methods{Method::fastconvmae};
  if (word == "convvit") return Methods{Method::convmae, Method::fastconvmae};
  if (word == "mae" || word == "vit") return Methods{Method::mae};
  return std::nullopt;
}

/// "base" for "base" and "b".
std::optional<std::string> preset_of(std::string_view word) {
  for (const std::string& preset : model_preset_names()) {
    if (word == preset || (word.size() == 1 && word.front() == preset.front())) return preset;
  }
  return std::nullopt;
}

/// Takes `prefix` and a number off the beginning of `word`.
std::optional<std::int64_t> take_number(std::string_view& word, std::string_view prefix) {
  if (!word.starts_with(prefix)) return std::nullopt;
  std::int64_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data() + prefix.size(), end, number);
  if (error != std::errc()) return std::nullopt;
  word = {rest, static_cast<std::size_t>(end - rest)};
  return number;
}

void expect_number(std::int64_t found, std::int64_t published, const std::string& name,
                   const std::string& what, const std::string& flag) {
  if (found == published) return;
  throw UserError("the published model that is closest to " + quote(name) + " has " + what + " " +
                  std::to_string(published) + ", found " + std::to_string(found) +
                  ": correct the name, or say --model with a size alone, --method and " + flag);
}

/// Checks "patch16", "dec512d8b" and "224". Returns whether it was one of these.
bool check_detail(std::string_view word, const ModelConfig& model, const std::string& name) {
  std::string_view rest = word;
  if (const auto patch = take_number(rest, "patch"); patch && rest.empty()) {
    expect_number(*patch, geometry_of(model.encoder).block(), name, "patches of side",
                  "--patch_size");
    return true;
  }
  rest = word;
  if (const auto dim = take_number(rest, "dec")) {
    const auto depth = take_number(rest, "d");
    if (!depth || rest != "b") return false;
    expect_number(*dim, model.decoder.embed_dim, name, "a decoder of width", "--decoder_embed_dim");
    expect_number(*depth, model.decoder.depth, name, "a decoder of depth", "--decoder_depth");
    return true;
  }
  rest = word;
  if (const auto side = take_number(rest, ""); side && rest.empty()) {
    expect_number(*side, model.encoder.img_size.height, name, "images of side", "--input_size");
    return true;
  }
  return false;
}

}  // namespace

NamedModel parse_model_name(const std::string& name) {
  NamedModel model;
  std::vector<std::string> details;
  for (const std::string& word : words_of(name)) {
    if (const auto methods = methods_of(word)) {
      Methods both = *methods;
      if (!model.methods.empty()) {
        std::erase_if(both, [&](Method method) {
          return std::ranges::find(model.methods, method) == model.methods.end();
        });
        if (both.empty()) throw_unknown(name);
      }
      model.methods = both;
    } else if (const auto preset = preset_of(word); preset && model.preset.empty()) {
      model.preset = *preset;
    } else {
      details.push_back(word);
    }
  }
  if (model.preset.empty()) throw_unknown(name);
  const ModelConfig published =
      model_preset(model.preset, model.methods.empty() ? Method::convmae : model.methods.front());
  for (const std::string& word : details) {
    if (!check_detail(word, published, name)) throw_unknown(name);
  }
  return model;
}

}  // namespace convmae
