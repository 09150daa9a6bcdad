#include "convmae/data/sources/classes.h"

#include "convmae/base/error.h"
#include "convmae/data/sources/class_match.h"
#include "convmae/data/sources/image_subset.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

namespace convmae {
namespace {

[[noreturn]] void refuse_without_classes(const ImageSource& source, const std::string& flag) {
  if (source.size() > 0) {
    const std::string name = std::filesystem::path(source.name(0)).filename().string();
    if (name.starts_with("ILSVRC2012_val_")) {
      throw UserError(flag +
                      " is the flat validation folder of ILSVRC2012, whose labels are a file of "
                      "their own: give a list with a line such as 'ILSVRC2012_val_00000001.JPEG,"
                      "n01751748' for each image, or sort the images into class folders");
    }
  }
  throw UserError(flag + " has images without classes (" + source.description() +
                  "): give a folder with a folder for each class, or a list with labels");
}

constexpr LeaveReason kUnknownClass{"image of an unknown class", "images of unknown classes"};

/// "class 'a'" or "classes 'a' and 'b'".
std::string classes_text(const std::vector<std::string>& names) {
  return (names.size() == 1 ? "class " : "classes ") + listed(names);
}

/// The images of each class.
std::vector<std::int64_t> images_of_classes(const ImageSource& source) {
  std::vector<std::int64_t> images(source.classes().size(), 0);
  for (std::int64_t i = 0; i < source.size(); ++i) {
    const std::int64_t label = source.label(i);
    if (label != ImageSource::kNoLabel) ++images[static_cast<std::size_t>(label)];
  }
  return images;
}

/// Why names may not be found: one that nearly is, or that both sides count, but from different
/// numbers.
std::string hint(const std::vector<std::string>& unknown, const ImageSource& source,
                 const std::vector<std::string>& known) {
  if (const std::optional<AlikeNames> near = near_miss(unknown, known)) return "; " + near->text();
  const auto is_of_source = [&](const std::string& name) {
    return std::ranges::find(source.classes(), name) != source.classes().end();
  };
  if (unknown.size() == 1 && unknown.front() == std::to_string(known.size()) &&
      known.front() == "0" && is_of_source("1") && !is_of_source("0")) {
    return "; its numbers begin at 1, those of training at 0";
  }
  return "";
}

/// The images of a source whose classes were looked up among known ones.
class Matching {
 public:
  Matching(const ImageSource& source, const KnownClasses& known, const std::string& flag)
      : source_(source),
        known_(known),
        flag_(flag),
        images_(images_of_classes(source)),
        match_(known.of_classifier ? match_or_guess(source.classes(), known.names)
                                   : match_names(source.classes(), known.names)) {
    for (std::size_t i = 0; i < images_.size(); ++i) {
      if (images_[i] == 0) continue;
      any_known_ = any_known_ || is_known(i);
      if (is_known(i)) continue;
      unknown_.push_back(source.classes()[i]);
      unknown_images_ += images_[i];
    }
  }

  const ClassMatch& match() const { return match_; }
  bool complete() const { return unknown_.empty(); }
  bool any_known() const { return any_known_; }

  std::string guess() const {
    if (match_.guessed) {
      return "guessed: " + guessed_pairs(source_.classes()) + ", in sorted order, because " +
             (known_.named ? "the classifier's classes are numbers"
                           : "the weights name no classes");
    }
    if (!known_.named && !source_.has_numbered_classes()) {
      const std::string& first = source_.classes().front();
      return "guessed: " + classes_text({first}) + " is class number " +
             std::to_string(match_.index.front()) +
             " and so on, by the numbers, because the weights name no classes";
    }
    return "";
  }

  [[noreturn]] void refuse() const {
    const bool one = unknown_.size() == 1;
    std::string text = flag_ + " has ";
    text += one ? "the " : with_commas(std::ssize(unknown_)) + " ";
    text += classes_text(unknown_) + (one ? ", which is" : ", which are") + " none of the " +
            counted(std::ssize(known_.names), "class", "classes") + " of training (" +
            listed(known_.names) + ")" + hint(unknown_, source_, known_.names);
    throw UserError(text + (known_.named
                                ? ": give images of the same classes"
                                : ": the weights number their classes and do not name them: give "
                                  "a list with a line 'PATH,NUMBER' for each image"));
  }

  std::string left_out() const {
    return "warning: " + counted(unknown_images_, "image", "images") + " of " + flag_ +
           " left out, of the " + classes_text(unknown_) + ", which training does not have" +
           hint(unknown_, source_, known_.names);
  }

  /// The known classes that no image is of.
  std::string missing() const {
    std::vector<bool> seen(known_.names.size(), false);
    for (std::size_t i = 0; i < images_.size(); ++i) {
      if (images_[i] > 0 && is_known(i)) seen[static_cast<std::size_t>(match_.index[i])] = true;
    }
    std::vector<std::string> names;
    for (std::size_t k = 0; k < seen.size(); ++k) {
      if (!seen[k]) names.push_back(known_.names[k]);
    }
    if (names.empty()) return "";
    return flag_ + " has no image of " + std::to_string(names.size()) + " of the " +
           counted(std::ssize(known_.names), "class", "classes") + ": " + listed(names);
  }

  /// The numbers of the images whose class is known or has no name.
  std::vector<std::int64_t> images_to_keep() const {
    std::vector<std::int64_t> kept;
    for (std::int64_t i = 0; i < source_.size(); ++i) {
      const std::int64_t label = source_.label(i);
      if (label == ImageSource::kNoLabel || is_known(static_cast<std::size_t>(label))) {
        kept.push_back(i);
      }
    }
    return kept;
  }

 private:
  bool is_known(std::size_t i) const { return match_.index[i] != ClassMatch::kUnknown; }

  const ImageSource& source_;
  const KnownClasses& known_;
  const std::string& flag_;
  std::vector<std::int64_t> images_;
  ClassMatch match_;
  std::vector<std::string> unknown_;  ///< those that images are of
  std::int64_t unknown_images_ = 0;
  bool any_known_ = false;
};

}  // namespace

const std::vector<std::string>& classes_of(const ImageSource& source, const std::string& flag) {
  if (source.classes().empty()) refuse_without_classes(source, flag);
  return source.classes();
}

std::vector<std::string> doubts_about(const std::vector<std::string>& classes) {
  std::vector<std::string> doubts;
  if (const std::vector<AlikeNames> pairs = alike_names(classes); !pairs.empty()) {
    std::string text = "the classes " + pairs.front().text();
    if (pairs.size() > 1) text += ", like " + std::to_string(pairs.size() - 1) + " more of them";
    doubts.push_back(text + ": each is a class of its own");
  }
  const auto has = [&](const char* name) {
    return std::ranges::find(classes, name) != classes.end();
  };
  if (has("-1") && has("0")) {
    doubts.emplace_back(
        "the class '-1' is one like the others: leave its images out if it stands for none");
  }
  return doubts;
}

MatchedImages match_classes(std::shared_ptr<const ImageSource> source, const KnownClasses& known,
                            const std::string& flag, UnknownClasses unknown) {
  classes_of(*source, flag);
  const Matching matching(*source, known, flag);
  const bool may_leave_out = unknown == UnknownClasses::left_out && matching.any_known();
  if (!matching.complete() && !may_leave_out) matching.refuse();
  MatchedImages matched;
  matched.class_of = matching.match().index;
  matched.names = matching.match().guessed ? source->classes() : known.names;
  const auto remark = [&](std::string text) {
    if (!text.empty()) matched.remarks.push_back(std::move(text));
  };
  remark(matching.guess());
  if (!matching.complete()) remark(matching.left_out());
  remark(matching.missing());
  matched.images = matching.complete() ? std::move(source)
                                       : std::make_shared<ImageSubset>(
                                             source, matching.images_to_keep(), kUnknownClass);
  return matched;
}

}  // namespace convmae
