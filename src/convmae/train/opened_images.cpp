#include "convmae/train/opened_images.h"

#include "convmae/base/error.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/report/terminal.h"

namespace convmae {

void tell(const ImageSource& source) {
  standard_error().write("convmae: " + source.description() + "\n");
}

std::shared_ptr<const ImageSource> opened_images(const std::filesystem::path& path, Split split) {
  std::shared_ptr<const ImageSource> source = open_source(path, split);
  tell(*source);
  return source;
}

std::shared_ptr<const ImageSource> opened_labelled_images(const std::filesystem::path& path,
                                                          Split split, const std::string& flag,
                                                          double most) {
  return told_labelled_images(open_source(path, split), flag, most);
}

std::shared_ptr<const ImageSource> told_labelled_images(
    const std::shared_ptr<const ImageSource>& source, const std::string& flag, double most) {
  try {
    std::shared_ptr<const ImageSource> labelled = labelled_images(source, flag, most);
    tell(*labelled);
    return labelled;
  } catch (const UserError&) {
    tell(*source);
    throw;
  }
}

}  // namespace convmae
