#include "convmae/data/sources/splits.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/entry_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

namespace convmae {
namespace {

// The names that come first are preferred.
constexpr std::array<std::string_view, 2> kTraining{"train", "training"};
constexpr std::array<std::string_view, 3> kHeldOut{"val", "valid", "validation"};
constexpr std::array<std::string_view, 2> kTest{"test", "testing"};

/// The first of `folders` that has one of the names; empty if there is none.
std::string first_of(const std::vector<std::string>& folders,
                     std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    const auto found = std::ranges::find(folders, name);
    if (found != folders.end()) return *found;
  }
  for (const std::string_view name : names) {
    const auto found = std::ranges::find(folders, name, in_small_letters);
    if (found != folders.end()) return *found;
  }
  return "";
}

/// In any case.
bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, in_small_letters(name)) != names.end();
}

}  // namespace

std::optional<SplitNames> find_splits(const std::vector<std::string>& folders,
                                      const std::function<bool(const std::string&)>& holds_images) {
  SplitNames splits{first_of(folders, kTraining), first_of(folders, kHeldOut), {}};
  const std::string test = first_of(folders, kTest);
  if (splits.training.empty() && splits.held_out.empty()) return std::nullopt;
  if (splits.held_out.empty()) splits.held_out = test;
  const bool both = !splits.training.empty() && !splits.held_out.empty();
  for (const std::string& name : folders) {
    if (name == splits.training || name == splits.held_out) continue;
    splits.beside.push_back(name);
    if (!both && !is_one_of(name, kTest) && holds_images(name)) return std::nullopt;
  }
  return splits;
}

void remark_classes(const std::vector<std::string>& folders, SourceAccount& account) {
  for (const std::string& name : folders) {
    if (is_one_of(name, kTraining) || is_one_of(name, kHeldOut)) {
      account.remarks.push_back(name + " is taken as a class, as others lie beside it");
    }
  }
}

std::string chosen_split(const SplitNames& splits, Split split, SourceAccount& account) {
  const bool training = split == Split::train;
  const std::string& name = training ? splits.training : splits.held_out;
  if (name.empty()) {
    throw UserError("expected the folder " + quote(account.place + (training ? "/train" : "/val")) +
                    " beside the folder " + quote(training ? splits.held_out : splits.training) +
                    ", found none: create it or give a folder of images");
  }
  for (const std::string& beside : splits.beside) account.leave_out(kFolderBeside, beside);
  return name;
}

std::optional<Split> split_in_name(std::string_view name) {
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  std::string word;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    if (i < name.size() && is_letter(name[i])) {
      word += name[i];
      continue;
    }
    if (is_one_of(word, kTraining)) return Split::train;
    if (is_one_of(word, kHeldOut) || is_one_of(word, kTest)) return Split::val;
    word.clear();
  }
  return std::nullopt;
}

}  // namespace convmae
