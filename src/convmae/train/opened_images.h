#pragma once

#include "convmae/data/sources/source.h"

#include <filesystem>
#include <memory>
#include <string>

namespace convmae {

/// Says in one line on standard error what a source holds and what it left out.
void tell(const ImageSource& source);

/// Opens images as open_source does and says in one line on standard error what was found and what
/// was left out, before anything is done with them.
std::shared_ptr<const ImageSource> opened_images(const std::filesystem::path& path, Split split);

/// The same where every image needs a class: those without one are left out, if they are no more
/// than the share `most`. Throws UserError, which names `flag`, if they are more.
std::shared_ptr<const ImageSource> opened_labelled_images(const std::filesystem::path& path,
                                                          Split split, const std::string& flag,
                                                          double most);
/// The same for images that are open already.
std::shared_ptr<const ImageSource> told_labelled_images(
    const std::shared_ptr<const ImageSource>& source, const std::string& flag, double most);

}  // namespace convmae
