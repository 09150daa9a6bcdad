#pragma once

#include "convmae/base/file_descriptor.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace convmae {

/// Writes an event file that TensorBoard reads: TFRecord frames (length, masked CRC-32C, data,
/// masked CRC-32C) of Event messages in protocol-buffer encoding. Each event is one write to the
/// file.
///
/// All failures are UserErrors that name the file.
class TensorboardWriter {
 public:
  /// Creates `directory`/events.out.tfevents.TIME.HOST.PID.N. With `restart_step`, TensorBoard
  /// discards what earlier files of the directory logged from that step on: for a resumed run.
  explicit TensorboardWriter(const std::filesystem::path& directory,
                             std::optional<std::int64_t> restart_step = std::nullopt);

  const std::filesystem::path& path() const { return path_; }

  void scalar(std::string_view tag, double value, std::int64_t step);
  /// `png` is a complete PNG file of `height` x `width` pixels.
  void image(std::string_view tag, std::span<const std::byte> png, std::int64_t height,
             std::int64_t width, std::int64_t step);
  /// Markdown.
  void text(std::string_view tag, std::string_view text, std::int64_t step);

 private:
  void write_summary(const std::string& value, std::int64_t step);
  void write_event(const std::string& event);

  std::filesystem::path path_;
  FileDescriptor file_;
};

/// Whether a file is one that a TensorboardWriter began: other programs' have such names too.
bool is_event_file(const std::filesystem::path& path);

}  // namespace convmae
