#include "convmae/io/tensorboard.h"

#include "convmae/base/read_file.h"
#include "convmae/io/protobuf.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <istream>
#include <iterator>
#include <sstream>
#include <unistd.h>

namespace convmae {
namespace {

constexpr std::array<std::uint32_t, 256> make_crc32c_table() {
  constexpr std::uint32_t kReversedPolynomial = 0x82F63B78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
    table[i] = crc;
  }
  return table;
}

/// The CRC-32C (Castagnoli) of `data`, rotated and shifted as TFRecord files store it.
std::uint32_t masked_crc32c(std::string_view data) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_crc32c_table();
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : data) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8;
}

template <typename Unsigned>
std::string little_endian(Unsigned value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

constexpr std::string_view kNameBeginning = "events.out.tfevents.";

/// TensorBoard takes files in the order of their names, so the time stands first; the number at the
/// end keeps two writers of one process apart.
std::string file_name() {
  static std::atomic<unsigned> counter{0};
  std::array<char, 256> host{};
  const bool known = ::gethostname(host.data(), host.size() - 1) == 0;
  return std::string(kNameBeginning) + std::to_string(static_cast<std::int64_t>(wall_time())) +
         "." + (known ? host.data() : "localhost") + "." + std::to_string(::getpid()) + "." +
         std::to_string(counter++);
}

// Field numbers of event.proto, summary.proto, tensor.proto and types.proto of TensorBoard.
constexpr int kEventWallTime = 1;
constexpr int kEventStep = 2;
constexpr int kEventFileVersion = 3;
constexpr int kEventSummary = 5;
constexpr int kEventSessionLog = 7;
constexpr int kEventSource = 10;
constexpr int kSourceWriter = 1;
constexpr int kSessionLogStatus = 1;
constexpr int kSessionLogStart = 1;
constexpr int kSummaryValue = 1;
constexpr int kValueTag = 1;
constexpr int kValueSimple = 2;
constexpr int kValueImage = 4;
constexpr int kValueTensor = 8;
constexpr int kValueMetadata = 9;
constexpr int kMetadataPlugin = 1;
constexpr int kPluginName = 1;
constexpr int kImageHeight = 1;
constexpr int kImageWidth = 2;
constexpr int kImageColorspace = 3;
constexpr int kImageEncoded = 4;
constexpr int kColorspaceRgb = 3;
constexpr int kTensorDType = 1;
constexpr int kTensorShape = 2;
constexpr int kTensorString = 8;
constexpr int kShapeDimension = 2;
constexpr int kDimensionSize = 1;
constexpr int kDTypeString = 7;

constexpr std::string_view kWriter = "convmae";

/// The next event of a file; empty if there is none, or a longer one than the first ones are.
std::string read_event(std::istream& file) {
  constexpr std::uint64_t kLongest = 1024;
  std::array<char, sizeof(std::uint64_t) + sizeof(std::uint32_t)> frame{};  // length, checksum
  std::uint64_t length = 0;
  if (!file.read(frame.data(), frame.size())) return {};
  std::memcpy(&length, frame.data(), sizeof(length));
  if (length > kLongest) return {};
  std::string event(length, '\0');
  if (!file.read(event.data(), std::ssize(event))) return {};
  file.ignore(sizeof(std::uint32_t));
  return event;
}

ProtobufMessage new_event() {
  ProtobufMessage event;
  event.real64(kEventWallTime, wall_time());
  return event;
}

}  // namespace

TensorboardWriter::TensorboardWriter(const std::filesystem::path& directory,
                                     std::optional<std::int64_t> restart_step)
    : path_(directory / file_name()),
      file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666)) {
  if (!file_.is_open()) throw_file_error("create", path_, errno);
  ProtobufMessage version = new_event();
  version.bytes(kEventFileVersion, "brain.Event:2");
  write_event(version.wire());
  ProtobufMessage source;
  source.bytes(kSourceWriter, kWriter);
  ProtobufMessage writer = new_event();
  writer.message(kEventSource, source);
  write_event(writer.wire());
  if (!restart_step) return;
  ProtobufMessage session;
  session.integer(kSessionLogStatus, kSessionLogStart);
  ProtobufMessage restart = new_event();
  restart.integer(kEventStep, *restart_step);
  restart.message(kEventSessionLog, session);
  write_event(restart.wire());
}

void TensorboardWriter::scalar(std::string_view tag, double value, std::int64_t step) {
  ProtobufMessage summary_value;
  summary_value.bytes(kValueTag, tag);
  summary_value.real32(kValueSimple, static_cast<float>(value));
  write_summary(summary_value.wire(), step);
}

void TensorboardWriter::image(std::string_view tag, std::span<const std::byte> png,
                              std::int64_t height, std::int64_t width, std::int64_t step) {
  ProtobufMessage image;
  image.integer(kImageHeight, height);
  image.integer(kImageWidth, width);
  image.integer(kImageColorspace, kColorspaceRgb);
  image.bytes(kImageEncoded, {reinterpret_cast<const char*>(png.data()), png.size()});
  ProtobufMessage value;
  value.bytes(kValueTag, tag);
  value.message(kValueImage, image);
  write_summary(value.wire(), step);
}

void TensorboardWriter::text(std::string_view tag, std::string_view text, std::int64_t step) {
  ProtobufMessage plugin;
  plugin.bytes(kPluginName, "text");
  ProtobufMessage metadata;
  metadata.message(kMetadataPlugin, plugin);
  ProtobufMessage dimension;
  dimension.integer(kDimensionSize, 1);
  ProtobufMessage shape;
  shape.message(kShapeDimension, dimension);
  ProtobufMessage tensor;
  tensor.integer(kTensorDType, kDTypeString);
  tensor.message(kTensorShape, shape);
  tensor.bytes(kTensorString, text);
  ProtobufMessage value;
  value.bytes(kValueTag, tag);
  value.message(kValueTensor, tensor);
  value.message(kValueMetadata, metadata);
  write_summary(value.wire(), step);
}

void TensorboardWriter::write_summary(const std::string& value, std::int64_t step) {
  ProtobufMessage summary;
  summary.bytes(kSummaryValue, value);
  ProtobufMessage event = new_event();
  event.integer(kEventStep, step);
  event.message(kEventSummary, summary);
  write_event(event.wire());
}

void TensorboardWriter::write_event(const std::string& event) {
  const std::string length = little_endian<std::uint64_t>(event.size());
  const std::string record =
      length + little_endian(masked_crc32c(length)) + event + little_endian(masked_crc32c(event));
  write_all(file_.get(), std::as_bytes(std::span(record)), path_);
}

bool is_event_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!path.filename().string().starts_with(kNameBeginning) ||
      !std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) {
    return false;
  }
  // The first event has the version, and the second the writer.
  constexpr std::size_t kFirstEvents = 4096;
  std::istringstream file(file_beginning(path, kFirstEvents));
  read_event(file);
  return read_event(file).find(kWriter) != std::string::npos;
}

}  // namespace convmae
