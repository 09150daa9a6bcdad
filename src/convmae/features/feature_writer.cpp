#include "convmae/features/feature_writer.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/data/decode/npy.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/csv.h"
#include "convmae/io/safetensors/safetensors_stream.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <string_view>

namespace convmae {
namespace {

std::vector<std::int64_t> whole_shape(std::int64_t images, const FeatureArray& array) {
  std::vector<std::int64_t> shape{images};
  shape.insert(shape.end(), array.shape.begin(), array.shape.end());
  return shape;
}

bool has_labels(const ImageSource& source) { return !source.classes().empty(); }

constexpr std::string_view kListHeader = "name,label\n";

constexpr const char* kSafetensors = ".safetensors";
constexpr const char* kNpy = ".npy";

std::string array_name(std::int64_t stage) { return "stage" + std::to_string(stage); }

/// One file for each array; only a single one has the name that was given.
std::vector<std::filesystem::path> npy_paths(const std::filesystem::path& out,
                                             const std::vector<std::string>& arrays) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& array : arrays) {
    std::filesystem::path path = out;
    if (arrays.size() > 1) path.replace_extension("." + array + kNpy);
    paths.push_back(path);
  }
  return paths;
}

std::filesystem::path list_beside(std::filesystem::path out) {
  return out.replace_extension(".csv");
}

/// Whether an earlier call wrote the list: it looks like one, and there are features beside it.
bool is_list_of_features(const std::filesystem::path& path) {
  if (file_beginning(path, kListHeader.size()) != kListHeader) return false;
  std::error_code ignored;
  return std::ranges::any_of(std::initializer_list<const char*>{kNpy, kSafetensors, ".stage1.npy",
                                                                ".stage2.npy", ".stage3.npy"},
                             [&](const char* ending) {
                               return std::filesystem::exists(
                                   std::filesystem::path(path).replace_extension(ending), ignored);
                             });
}

/// Throws UserError if a file with a name that was not given, but made of the one that was, would
/// be replaced although no earlier call wrote it.
void require_replaceable(const std::filesystem::path& list,
                         const std::vector<std::filesystem::path>& arrays,
                         const std::filesystem::path& out) {
  if (is_list_of_features(list)) return;
  require_absent(list, "--out");
  for (const std::filesystem::path& path : arrays) {
    if (path != out) require_absent(path, "--out");
  }
}

std::string class_name(const ImageSource& source, std::int64_t image) {
  const std::int64_t label = source.label(image);
  return label == ImageSource::kNoLabel ? "" : source.classes()[static_cast<std::size_t>(label)];
}

void write_list(AtomicFile& file, const ImageSource& source) {
  file.write(kListHeader);
  for (std::int64_t i = 0; i < source.size(); ++i) {
    file.write(csv_field(source.name(i)) + ',' + csv_field(class_name(source, i)) + '\n');
  }
}

std::vector<std::string> names_of(const std::vector<FeatureArray>& arrays) {
  std::vector<std::string> names;
  names.reserve(arrays.size());
  for (const FeatureArray& array : arrays) names.push_back(array.name);
  return names;
}

}  // namespace

class FeatureWriter::Arrays {
 public:
  Arrays() = default;
  virtual ~Arrays() = default;
  Arrays(const Arrays&) = delete;
  Arrays& operator=(const Arrays&) = delete;

  virtual void append(std::size_t array, std::span<const std::byte> bytes) = 0;
  virtual std::vector<std::filesystem::path> commit() = 0;
};

class FeatureWriter::SafetensorsArrays : public Arrays {
 public:
  SafetensorsArrays(const std::filesystem::path& out, const ImageSource& source,
                    const std::vector<FeatureArray>& arrays)
      : out_(out),
        first_(has_labels(source) ? 1 : 0),
        stream_(out, tensors(source, arrays), notes(source)) {
    if (!has_labels(source)) return;
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < source.size(); ++i) labels.push_back(source.label(i));
    stream_.append(0, std::as_bytes(std::span(labels)));
  }

  void append(std::size_t array, std::span<const std::byte> bytes) override {
    stream_.append(first_ + array, bytes);
  }

  std::vector<std::filesystem::path> commit() override {
    stream_.commit();
    return {out_};
  }

 private:
  static std::vector<StreamedTensor> tensors(const ImageSource& source,
                                             const std::vector<FeatureArray>& arrays) {
    std::vector<StreamedTensor> tensors;
    if (has_labels(source)) tensors.push_back({"labels", DType::i64, {source.size()}});
    for (const FeatureArray& array : arrays) {
      tensors.push_back({array.name, DType::f32, whole_shape(source.size(), array)});
    }
    return tensors;
  }

  static std::map<std::string, std::string> notes(const ImageSource& source) {
    std::map<std::string, std::string> notes{{"format", "pt"}, {"images", source.description()}};
    if (has_labels(source)) {
      notes["classes"] = json_text(source.classes());
    }
    return notes;
  }

  std::filesystem::path out_;
  std::size_t first_;
  SafetensorsStream stream_;
};

class FeatureWriter::NpyArrays : public Arrays {
 public:
  NpyArrays(const std::filesystem::path& out, const ImageSource& source,
            const std::vector<FeatureArray>& arrays) {
    paths_ = npy_paths(out, names_of(arrays));
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const FeatureArray& array = arrays[i];
      const std::filesystem::path& path = paths_[i];
      files_.push_back(std::make_unique<AtomicFile>(path));
      files_.back()->write(npy_header(PixelType::float32, whole_shape(source.size(), array)));
    }
  }

  void append(std::size_t array, std::span<const std::byte> bytes) override {
    files_.at(array)->write(bytes);
  }

  std::vector<std::filesystem::path> commit() override {
    for (const auto& file : files_) file->commit();
    return paths_;
  }

 private:
  std::vector<std::filesystem::path> paths_;
  std::vector<std::unique_ptr<AtomicFile>> files_;
};

void require_feature_files(const std::filesystem::path& out,
                           const std::vector<std::int64_t>& stages) {
  const bool npy = out.extension() == kNpy;
  if (!npy && out.extension() != kSafetensors) {
    throw UserError("cannot tell the kind of " + quote(out.string()) +
                    " from its name: let it end in .safetensors or .npy");
  }
  std::vector<std::string> arrays;
  for (const std::int64_t stage : stages) {
    if (std::ranges::find(arrays, array_name(stage)) != arrays.end()) {
      throw UserError("--stages has " + std::to_string(stage) +
                      " twice, and what is written has each stage once: leave one of them out");
    }
    arrays.push_back(array_name(stage));
  }
  const std::vector<std::filesystem::path> files =
      npy && !arrays.empty() ? npy_paths(out, arrays) : std::vector{out};
  require_replaceable(list_beside(out), files, out);
  for (const std::filesystem::path& file : files) require_writable(file);
  require_writable(list_beside(out));
}

FeatureWriter::FeatureWriter(const std::filesystem::path& out, const ImageSource& source,
                             const std::vector<FeatureArray>& arrays)
    : list_path_(list_beside(out)) {
  // Names and labels are known now; what is written later may find the disk full, but no list of
  // its own is missing then.
  list_ = std::make_unique<AtomicFile>(list_path_);
  write_list(*list_, source);
  if (out.extension() == kNpy) {
    arrays_ = std::make_unique<NpyArrays>(out, source, arrays);
  } else {
    arrays_ = std::make_unique<SafetensorsArrays>(out, source, arrays);
  }
}

FeatureWriter::~FeatureWriter() = default;

void FeatureWriter::append(std::size_t array, std::span<const float> values) {
  arrays_->append(array, std::as_bytes(values));
}

std::vector<std::filesystem::path> FeatureWriter::commit() {
  std::vector<std::filesystem::path> files = arrays_->commit();
  list_->commit();
  files.push_back(list_path_);
  return files;
}

}  // namespace convmae
