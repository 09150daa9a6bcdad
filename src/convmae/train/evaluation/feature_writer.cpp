#include "convmae/train/evaluation/feature_writer.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/data/decode/npy.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/csv.h"
#include "convmae/io/safetensors/safetensors_stream.h"

#include <nlohmann/json.hpp>

#include <map>

namespace convmae {
namespace {

std::vector<std::int64_t> whole_shape(std::int64_t images, const FeatureArray& array) {
  std::vector<std::int64_t> shape{images};
  shape.insert(shape.end(), array.shape.begin(), array.shape.end());
  return shape;
}

bool has_labels(const ImageSource& source) { return !source.classes().empty(); }

void write_list(const std::filesystem::path& path, const ImageSource& source) {
  AtomicFile file(path);
  file.write("name,label\n");
  for (std::int64_t i = 0; i < source.size(); ++i) {
    const std::int64_t label = source.label(i);
    file.write(csv_field(source.name(i)) + ',' +
               (label == ImageSource::kNoLabel ? "" : std::to_string(label)) + '\n');
  }
  file.commit();
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
    for (const FeatureArray& array : arrays) {
      std::filesystem::path path = out;
      if (arrays.size() > 1) path.replace_extension("." + array.name + ".npy");
      files_.push_back(std::make_unique<AtomicFile>(path));
      files_.back()->write(npy_header(PixelType::float32, whole_shape(source.size(), array)));
      paths_.push_back(path);
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

FeatureWriter::FeatureWriter(const std::filesystem::path& out, const ImageSource& source,
                             const std::vector<FeatureArray>& arrays)
    : source_(source), list_(out) {
  list_.replace_extension(".csv");
  const std::string ending = out.extension().string();
  if (ending == ".safetensors") {
    arrays_ = std::make_unique<SafetensorsArrays>(out, source, arrays);
  } else if (ending == ".npy") {
    arrays_ = std::make_unique<NpyArrays>(out, source, arrays);
  } else {
    throw UserError("cannot tell the kind of " + quote(out.string()) +
                    " from its name: let it end in .safetensors or .npy");
  }
}

FeatureWriter::~FeatureWriter() = default;

void FeatureWriter::append(std::size_t array, std::span<const float> values) {
  arrays_->append(array, std::as_bytes(values));
}

std::vector<std::filesystem::path> FeatureWriter::commit() {
  std::vector<std::filesystem::path> files = arrays_->commit();
  write_list(list_, source_);
  files.push_back(list_);
  return files;
}

}  // namespace convmae
