#pragma once

#include "convmae/coco/dataset_writer.h"
#include "convmae/coco/results.h"
#include "convmae/detect/detection_picture.h"
#include "convmae/detect/detector_inference.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// What files say of objects that were found.
enum class PredictionFormat {
  coco_results,  ///< `detections.json`, COCO's list of results
  coco,          ///< `annotations.json`, as of annotated images
};
PredictionFormat parse_prediction_format(const std::string& name);

/// Where objects are looked for, and how what is found is called.
struct PredictionSubject {
  std::shared_ptr<const ImageSource> source;
  /// What names of images in files are relative to, if they lie in it.
  std::filesystem::path folder;
  DecodeOptions decode;            ///< of pictures
  std::vector<std::string> names;  ///< of the detector's classes
  /// The id in files of each class; objects of a class that has none are left out.
  std::vector<std::optional<std::int64_t>> ids;
  std::vector<coco::Category> categories;  ///< that these are of
  /// What is to be found, if anybody knows: its images keep their ids.
  std::shared_ptr<const coco::Dataset> truth;
};

/// Writes what was found to a directory while it is found: `pictures/NUMBER-NAME.png`, with truth
/// beside it for images that have one, and a file of all objects that appears at the end. Beside a
/// list of results without truth, `images.json` tells which image and category each id is.
class PredictionFiles {
 public:
  /// Throws UserError if something is there that would be replaced or if nothing can be written
  /// there, and, with `pictures`, in a build that does not draw.
  static void require(const std::filesystem::path& directory, bool pictures);

  /// Makes the directory. Throws UserError if it cannot.
  PredictionFiles(const std::filesystem::path& directory, PredictionFormat format, bool pictures,
                  PredictionSubject subject);

  void add(const FoundImage& found);
  void commit();

  std::int64_t images() const { return images_; }
  /// Objects by class.
  const std::vector<std::int64_t>& objects() const { return objects_; }
  const std::filesystem::path& list() const { return list_path_; }
  const std::filesystem::path& pictures() const { return picture_folder_; }
  MissingFonts& missing_fonts() { return missing_; }

 private:
  struct NamedImage {
    std::string file_name;
    std::int64_t id = 0;
    std::optional<std::int32_t> truth;  ///< its number in the dataset
  };
  NamedImage named(std::int64_t sample) const;
  /// That of the class which it is, so that both sides of a picture agree.
  std::int64_t colour_of_category(std::int64_t category) const;
  void draw(const FoundImage& found, const NamedImage& image);

  PredictionSubject subject_;
  std::map<std::string, std::int32_t, std::less<>> known_;  ///< the dataset's images by their names
  std::int64_t first_new_id_ = 1;
  std::filesystem::path list_path_;
  std::filesystem::path picture_folder_;  ///< empty without pictures
  std::unique_ptr<coco::ResultsWriter> results_;
  std::unique_ptr<coco::DatasetWriter> dataset_;
  MissingFonts missing_;
  std::int64_t images_ = 0;
  std::vector<std::int64_t> objects_;
};

}  // namespace convmae
