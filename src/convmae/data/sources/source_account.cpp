#include "convmae/data/sources/source_account.h"

#include "convmae/base/quote.h"

#include <algorithm>

namespace convmae {
namespace {

constexpr std::size_t kMostExamples = 3;
constexpr std::size_t kLongestExample = 60;

std::string text_of(const LeftOut& left_out) {
  std::string text = counted(left_out.count, left_out.reason.one, left_out.reason.many);
  for (std::size_t i = 0; i < left_out.examples.size(); ++i) {
    text += (i == 0 ? " (" : ", ") + brief(left_out.examples[i], kLongestExample);
  }
  if (left_out.examples.empty()) return text;
  return text + (left_out.more_examples ? ", ...)" : ")");
}

}  // namespace

void LeftOut::add(std::string_view example, std::int64_t number) {
  count += number;
  if (example.empty() || std::ranges::find(examples, example) != examples.end()) return;
  if (examples.size() < kMostExamples) {
    examples.emplace_back(example);
  } else {
    more_examples = true;
  }
}

void SourceAccount::leave_out(const LeaveReason& reason, std::string_view example,
                              std::int64_t number) {
  const auto same = [&reason](const LeftOut& other) { return other.reason.one == reason.one; };
  auto found = std::ranges::find_if(left_out, same);
  if (found == left_out.end()) found = left_out.insert(found, LeftOut{.reason = reason});
  found->add(example, number);
}

void SourceAccount::leave_out(const std::vector<LeftOut>& others) {
  for (const LeftOut& other : others) {
    leave_out(other.reason, "", other.count);
    const auto same = [&other](const LeftOut& own) { return own.reason.one == other.reason.one; };
    LeftOut& own = *std::ranges::find_if(left_out, same);
    for (const std::string& example : other.examples) own.add(example, 0);
    own.more_examples = own.more_examples || other.more_examples;
  }
}

void SourceAccount::name_classes(const std::vector<std::string>& names) {
  classes = std::ssize(names);
  only_class = classes == 1 ? names.front() : "";
}

std::string SourceAccount::text() const {
  std::string text = place.empty() ? "" : printable(place) + ": ";
  if (!kind.empty()) text += printable(kind) + " of ";
  text += counted(images, "image", "images") + images_note;
  if (classes > 0) text += " in " + counted(classes, "class", "classes");
  if (!only_class.empty()) text += " (" + brief(only_class, kLongestExample) + ")";
  if (labelled == 0) {
    text += " without labels";
  } else if (labelled < images) {
    text += ", " + with_commas(labelled) + " with a label, " + with_commas(images - labelled) +
            " without";
  }
  if (unusable > 0) text += ", " + with_commas(unusable) + " left out";
  for (const std::string& remark : remarks) text += "; " + printable(remark);
  if (left_out.empty()) return text;
  return text + (unusable > 0 ? "; also left out: " : "; left out: ") + left_out_text();
}

std::string SourceAccount::left_out_text() const {
  std::string text;
  for (const LeftOut& some : left_out) text += (text.empty() ? "" : ", ") + text_of(some);
  return text;
}

std::string with_commas(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string counted(std::int64_t number, std::string_view one, std::string_view many) {
  return with_commas(number) + " " + std::string(number == 1 ? one : many);
}

}  // namespace convmae
