#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// Why something is left out, as a name for what it is.
struct LeaveReason {
  std::string_view one;   ///< "hidden file"
  std::string_view many;  ///< "hidden files"
};

/// What was left out for one reason.
struct LeftOut {
  LeaveReason reason{};
  std::int64_t count = 0;
  std::vector<std::string> examples{};  ///< the first few that differ
  bool more_examples = false;           ///< there are others than those

  void add(std::string_view example, std::int64_t number = 1);
};

/// What a source holds, and what lies there that it does not hold, as every command says it before
/// it begins.
struct SourceAccount {
  std::string place{};  ///< a path; empty if there is none
  std::string kind{};   ///< what was recognised: "folder", "list"
  std::int64_t images = 0;
  std::string images_note{};  ///< what else is said of them, such as their size: " of 28x28"
  std::int64_t labelled = 0;
  std::int64_t classes = 0;
  std::string only_class{};            ///< its name if there is one alone
  std::vector<std::string> remarks{};  ///< how something was taken that could be meant otherwise
  std::int64_t unusable = 0;           ///< images that turned out bad when they were read
  std::vector<LeftOut> left_out{};

  /// Counts one more, or several, for that reason.
  void leave_out(const LeaveReason& reason, std::string_view example, std::int64_t number = 1);
  /// Adds what was counted elsewhere.
  void leave_out(const std::vector<LeftOut>& others);
  /// States how many classes there are.
  void name_classes(const std::vector<std::string>& names);

  /// One line: "data/train: folder of 5,000 images in 10 classes; left out: 3 hidden files".
  std::string text() const;
  /// The last part of it, "3 hidden files, 1 empty class (unknown)"; empty if nothing was left out.
  std::string left_out_text() const;
};

/// Those that several readers give.
inline constexpr LeaveReason kHiddenFile{"hidden file", "hidden files"};
inline constexpr LeaveReason kHiddenFolder{"hidden folder", "hidden folders"};
inline constexpr LeaveReason kSystemFolder{"folder of the system", "folders of the system"};
inline constexpr LeaveReason kOtherKind{"file of another kind", "files of other kinds"};
inline constexpr LeaveReason kFolderBeside{"folder beside it", "folders beside it"};
inline constexpr LeaveReason kImageBeside{"image beside it", "images beside it"};
inline constexpr LeaveReason kUnlabelled{"image without a label", "images without a label"};

/// 5000 -> "5,000".
std::string with_commas(std::int64_t number);
/// "1 image", "5,000 images".
std::string counted(std::int64_t number, std::string_view one, std::string_view many);

}  // namespace convmae
